//! `region_experimental`: a region's number, then the hash of an id.
//!
//! The region alone gives the range of its rows. A region that is too great for its bytes is cut
//! without complaint, as upstream. See `go/vt/vtgate/vindexes/region_experimental.go`.

use crate::key::Destination;
use crate::key::KeyspaceId;
use crate::vindex::des::NullKeyDes;
use crate::vindex::params::{Params, unknown_params};
use crate::vindex::{Columns, Functional, Properties, Value, Vindex, VindexError};

/// A `region_experimental` vindex.
#[derive(Debug)]
pub struct RegionExperimental {
    name: String,
    unknown_params: Vec<String>,
    region_bytes: usize,
    des: NullKeyDes,
}

impl RegionExperimental {
    pub fn new(name: &str, params: &Params) -> Result<RegionExperimental, VindexError> {
        let region_bytes = match params.get("region_bytes").map(String::as_str) {
            Some("1") => 1,
            Some("2") => 2,
            Some(other) => {
                return Err(VindexError::unknown(format!("region_bytes must be 1 or 2: {other}")));
            }
            None => {
                return Err(VindexError::unknown("region_experimental missing region_bytes param"));
            }
        };
        let unknown_params = unknown_params(params, &["region_bytes"]);
        let des = NullKeyDes::new();
        Ok(RegionExperimental { name: name.to_string(), unknown_params, region_bytes, des })
    }
}

/// A region's bytes: the low ones of its number.
pub(super) fn region_prefix(region: u64, region_bytes: usize) -> Vec<u8> {
    region.to_be_bytes()[8 - region_bytes..].to_vec()
}

impl Vindex for RegionExperimental {
    fn name(&self) -> &str {
        &self.name
    }

    fn properties(&self) -> Properties {
        Properties { columns: Columns::Multi { max: 2, partial: true }, ..Properties::FUNCTIONAL }
    }

    fn unknown_params(&self) -> &[String] {
        &self.unknown_params
    }

    fn functional(&self) -> Option<&dyn Functional> {
        Some(self)
    }
}

impl Functional for RegionExperimental {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        let (region, id) = match row {
            [region] => (region, None),
            [region, id] => (region, Some(id)),
            _ => return Ok(Destination::None),
        };
        let Ok(region) = region.to_cast_uint64() else {
            return Ok(Destination::None);
        };
        let mut ksid = region_prefix(region, self.region_bytes);
        Ok(match id.map(Value::to_cast_uint64) {
            None => Destination::from_prefix(&KeyspaceId::from(ksid)),
            Some(Ok(id)) => {
                ksid.extend(self.des.hash(id));
                Destination::KeyspaceId(KeyspaceId::from(ksid))
            }
            Some(Err(_)) => Destination::None,
        })
    }
}
