//! `region_json`: the number of a country's region, then the hash of an id.
//!
//! The regions are in a file, which is read when the vindex is made. The id comes first here, the
//! country second: the other way round than in `region_experimental`. See
//! `go/vt/vtgate/vindexes/region_json.go`.

use std::collections::BTreeMap;

use crate::key::{Destination, KeyspaceId};
use crate::vindex::des::NullKeyDes;
use crate::vindex::params::{Params, atoi, read_file, text, unknown_params};
use crate::vindex::region_experimental::region_prefix;
use crate::vindex::{Columns, Functional, Properties, Value, Vindex, VindexError, number_map};

/// What any `region_json` vindex has.
pub const PROPERTIES: Properties =
    Properties { columns: Columns::Multi { max: 2, partial: false }, ..Properties::FUNCTIONAL };

/// A `region_json` vindex.
#[derive(Debug)]
pub struct RegionJson {
    name: String,
    unknown_params: Vec<String>,
    regions: BTreeMap<String, u64>,
    region_bytes: usize,
    des: NullKeyDes,
}

impl RegionJson {
    pub fn new(name: &str, params: &Params) -> Result<RegionJson, VindexError> {
        let regions = number_map::parse(&read_file(text(params, "region_map"))?)?;
        let region_bytes = match atoi(text(params, "region_bytes"))? {
            region_bytes @ 1..=2 => region_bytes as usize,
            other => {
                return Err(VindexError::unknown(format!("region_bytes must be 1 or 2: {other}")));
            }
        };
        let unknown_params = unknown_params(params, &["region_map", "region_bytes"]);
        let des = NullKeyDes::new();
        Ok(RegionJson { name: name.to_string(), unknown_params, regions, region_bytes, des })
    }
}

impl Vindex for RegionJson {
    fn name(&self) -> &str {
        &self.name
    }

    fn properties(&self) -> Properties {
        PROPERTIES
    }

    fn unknown_params(&self) -> &[String] {
        &self.unknown_params
    }

    fn functional(&self) -> Option<&dyn Functional> {
        Some(self)
    }
}

impl Functional for RegionJson {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        let [id, country] = row else {
            return Ok(Destination::None);
        };
        let country = str::from_utf8(&country.bytes).ok();
        let region = country.and_then(|country| self.regions.get(country));
        Ok(match (id.to_cast_uint64(), region) {
            (Ok(id), Some(region)) => {
                let mut ksid = region_prefix(*region, self.region_bytes);
                ksid.extend(self.des.hash(id));
                Destination::KeyspaceId(KeyspaceId::from(ksid))
            }
            _ => Destination::None,
        })
    }
}
