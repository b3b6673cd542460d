//! Collation keys: texts that differ only in case and accents have one key.
//!
//! The key of a text is its primary weights in the Unicode root collation, as an old release of
//! Go's collator has them (CLDR 23, Unicode 6.2.0). Neither a current ICU nor any collation of
//! MySQL gives these bytes, and rows were placed by them. Spaces count, marks do not, and a text is
//! not normalised first.
//!
//! [`elements`] turns characters into weights, [`order`] puts marks in order and writes the key.
//! Only `table` knows where weights come from. See `golang.org/x/text/internal/colltab`.

mod contraction;
pub mod elements;
pub mod order;
mod table;

pub use order::key;

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::key::hex;

    #[test]
    fn texts_have_the_keys_of_the_old_root() {
        let check = |text: &str, expected: &str| {
            assert_eq!(hex::encode(&key(text)), expected, "{}", text.escape_unicode());
        };
        check("ß", "17f317f3");
        check("Æ", "15ef164c");
        check("\u{fb01}", "168416cd");
        check("½", "14e704ac14e8");
        check("①", "14e7");
        check("\u{4e2d}", "814e2d");
        check("\u{3400}", "823400");
        check("\u{20000}", "840000");
        check("\u{10ffff}", "95ffff");
        check("\u{e000}", "85e000");
        check("\u{1f600}", "1297");
        check("\u{ac01}", "315631d43232");
        check("か", "32c1");
        check("が", "32c1");
        check("\u{ff76}\u{ff9e}", "32c1");
        check("\u{e40}\u{e01}", "248824c2");
        check("l·l", "17111711");
        check("\u{439}", "1a1f");
        check("\u{438}\u{306}", "1a1f");
        check("\u{430}\u{323}\u{306}", "1995");
        check("\u{430}\u{306}", "1995");
        check("\u{e38}\u{e3a}\u{e48}", "24c124bf");
        check("\0\u{ad}\u{200d}\u{6dd}", "");
        check("\u{f71}\u{f74}", "2591");
        check("\u{f74}\u{f71}", "258b2590");
        assert_eq!(key("\u{fdfa}").len(), 36);
        assert!(hex::encode(&key("\u{fdfa}")).starts_with("1cee1d20"));
    }

    #[test]
    fn every_character_has_its_key() {
        let mut all = Sha256::new();
        let mut plane = String::new();
        for c in '\0'..=char::MAX {
            if c == '\u{10000}' {
                plane = hex::encode(&all.clone().finalize());
            }
            let key = key(c.encode_utf8(&mut [0; 4]));
            all.update(u32::from(c).to_be_bytes());
            all.update([key.len() as u8]);
            all.update(&key);
        }
        assert_eq!(plane, "fe47e67527c5b0fe8b7923a7646c3ab2443202d7daafabd01282ea81fd52af31");
        assert_eq!(
            hex::encode(&all.finalize()),
            "6caae39d74cb1b916253e71e7ca18489f943c16e53c8feea97de9692fbf3f3cc"
        );
    }
}
