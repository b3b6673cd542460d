//! ALTER VSCHEMA: a change of a keyspace's vschema, made by a vtgate.
//!
//! The vtgate applies the change to the vschema that it serves by, builds the keyspace to see
//! whether that is good, and writes both the keyspace's record and every cell's SrvVSchema. It
//! plans by the new one as soon as its watch of the topology tells it, like every other vtgate. Of
//! two changes at once the later wins, as in Vitess. See `Executor.ExecuteVSchema` and
//! `VSchemaManager.UpdateVSchema`.
//!
//! Left out: `--vschema_ddl_authorized_users`; everybody may.

use std::rc::Rc;
use std::time::Duration;

use sim::mysql::outcome::Outcome;
use sim::sql::ast::Ident;

use super::executor::Run;
use crate::key::Code;
use crate::planner::statement::vschema::{Action, AlterVSchema, VindexSpec};
use crate::rpc::Status;
use crate::topo::{self, Change};
use crate::vindex::Registry;
use crate::vschema::source::{AutoIncrementSource, VindexSource};
use crate::vschema::{self, VSchema};

impl Run {
    pub(super) async fn alter_vschema(
        &self,
        keyspace: &str,
        change: &AlterVSchema,
    ) -> Result<Outcome, Status> {
        let mut served = self.snapshot.vschema.source.clone();
        let source = served.keyspaces.get(keyspace).cloned().unwrap_or_default();
        let changed = data(change)
            .apply(keyspace, &source)
            .map_err(|error| Status::new(error.code, error.to_string()))?;
        VSchema::build_keyspace(&changed, &Registry::standard())
            .map_err(|error| Status::new(error.code, error.to_string()))?;
        served.keyspaces.insert(keyspace.to_owned(), changed.clone());
        let write = topo::Write(vec![
            Change::VSchema { keyspace: keyspace.into(), vschema: changed },
            Change::SrvVSchema(Rc::new(served)),
        ]);
        let written = self.process.call(self.gate.addresses.topo(), write);
        match written.within(Duration::from_secs(15)).await {
            Ok(_) => Ok(Outcome::default()),
            Err(error) => Err(Status::new(Code::Unavailable, format!("topo: {error}"))),
        }
    }
}

/// The statement as a change of the source.
fn data(change: &AlterVSchema) -> vschema::ddl::Change {
    use vschema::ddl::Change as Data;
    let table = change.table.name.as_str().to_owned();
    match &change.action {
        Action::CreateVindex(spec) => Data::CreateVindex { name: table, vindex: vindex(spec) },
        Action::DropVindex => Data::DropVindex { name: table },
        Action::AddTable => Data::AddTable { table },
        Action::DropTable => Data::DropTable { table },
        Action::AddColumnVindex { vindex: name, columns, spec } => Data::AddColumnVindex {
            table,
            name: name.as_str().to_owned(),
            columns: columns.iter().map(|column| column.as_str().to_owned()).collect(),
            vindex: vindex(spec),
        },
        Action::DropColumnVindex { vindex } => {
            Data::DropColumnVindex { table, name: vindex.as_str().to_owned() }
        }
        Action::AddSequence => Data::AddSequence { table },
        Action::DropSequence => Data::DropSequence { table },
        Action::AddAutoIncrement { column, sequence } => Data::AddAutoIncrement {
            table,
            auto_increment: AutoIncrementSource {
                column: column.as_str().to_owned(),
                sequence: match &sequence.qualifier {
                    Some(keyspace) => format!("{}.{}", keyspace.as_str(), sequence.name.as_str()),
                    None => sequence.name.as_str().to_owned(),
                },
            },
        },
        Action::DropAutoIncrement => Data::DropAutoIncrement { table },
    }
}

/// `owner` is a parameter in the statement, and none in the vschema.
fn vindex(spec: &VindexSpec) -> VindexSource {
    let is_owner = |name: &Ident| name.as_str() == "owner";
    let owner = spec.params.iter().find(|(name, _)| is_owner(name));
    let params = spec.params.iter().filter(|(name, _)| !is_owner(name));
    VindexSource {
        type_name: spec.type_name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
        owner: owner.map(|(_, owner)| owner.to_string()).unwrap_or_default(),
        params: params.map(|(name, value)| (name.as_str().to_owned(), value.to_string())).collect(),
    }
}
