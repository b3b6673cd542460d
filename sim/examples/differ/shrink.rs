//! The smallest part of a list that still fails: delta debugging (Zeller's ddmin), to the point
//! where no single item can go.

/// `fails` is asked for ever smaller parts; the whole must fail.
pub fn shrink<T: Clone>(whole: &[T], mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut left = whole.to_vec();
    let mut chunk = left.len().div_ceil(2);
    while 0 < chunk {
        let mut at = 0;
        let mut cut = false;
        while at < left.len() {
            let end = (at + chunk).min(left.len());
            let mut without = left[..at].to_vec();
            without.extend_from_slice(&left[end..]);
            if fails(&without) {
                left = without;
                cut = true;
            } else {
                at = end;
            }
        }
        if chunk == 1 && !cut {
            return left;
        }
        chunk = if 1 < chunk { chunk.div_ceil(2).min(chunk - 1) } else { 1 };
    }
    left
}
