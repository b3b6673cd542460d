//! The block cipher behind `hash`: DES with an all-zero key, over one block.
//!
//! Vitess runs 3DES with a null key, which is the same function. Numbers go in and come out most
//! significant byte first, without padding. It knows nothing of values.

use des::Des;
use des::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

use crate::key::{KeyspaceId, hex};
use crate::vindex::VindexError;

/// The cipher with its key schedule.
#[derive(Clone)]
pub struct NullKeyDes(Des);

impl NullKeyDes {
    pub fn new() -> NullKeyDes {
        NullKeyDes(Des::new(&Array::default()))
    }

    /// `vhash`: the keyspace id of a number.
    pub fn hash(&self, number: u64) -> [u8; 8] {
        let mut block = Array::from(number.to_be_bytes());
        self.0.encrypt_block(&mut block);
        block.into()
    }

    /// `vunhash`: the number whose keyspace id this is.
    pub fn unhash(&self, ksid: &KeyspaceId) -> Result<u64, VindexError> {
        let bytes: [u8; 8] = ksid.as_bytes().try_into().map_err(|_| {
            VindexError::unknown(format!("invalid keyspace id: {}", hex::encode(ksid.as_bytes())))
        })?;
        let mut block = Array::from(bytes);
        self.0.decrypt_block(&mut block);
        Ok(u64::from_be_bytes(block.into()))
    }
}

impl Default for NullKeyDes {
    fn default() -> NullKeyDes {
        NullKeyDes::new()
    }
}

impl std::fmt::Debug for NullKeyDes {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("NullKeyDes")
    }
}
