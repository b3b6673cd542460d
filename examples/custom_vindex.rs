//! A vindex of one's own: even numbers to the first half of the keyspace, odd ones to the second.
use std::sync::Arc;
use vindicate::key::{Destination, KeyspaceId};
use vindicate::vindex::contract::first_column;
use vindicate::vindex::{Functional, Properties, Registry, Value, Vindex, VindexError};
use vindicate::vschema::{SrvVSchema, VSchema};

#[derive(Debug)]
struct Parity(String);

impl Vindex for Parity {
    fn name(&self) -> &str {
        &self.0
    }
    fn properties(&self) -> Properties {
        Properties::FUNCTIONAL
    }
    fn functional(&self) -> Option<&dyn Functional> {
        Some(self)
    }
}

impl Functional for Parity {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        let number = first_column(row).to_cast_uint64()?;
        Ok(Destination::KeyspaceId(KeyspaceId::from_u64(number.rotate_right(1))))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut registry = Registry::standard();
    registry.register("parity", |name, _| Ok(Arc::new(Parity(name.to_string()))));
    let vschema =
        VSchema::build(&SrvVSchema::parse(include_str!("custom_vindex.json"))?, &registry);
    let primary = vschema.find_table("ks", "t")?.column_vindexes[0].vindex.clone();
    let parity = primary.functional().ok_or("parity computes")?;
    println!("7 goes to {}", parity.map_one(&[Value::int64(7)])?);
    Ok(())
}
