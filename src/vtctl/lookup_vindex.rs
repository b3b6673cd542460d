//! CreateLookupVindex and ExternalizeVindex: a lookup for a table that has rows already.
//!
//! Create makes the lookup table and its vschema, with the vindex `write_only`, and a stream on
//! each target primary for each source shard. vtgates learn of the vindex only when SrvVSchema is
//! rebuilt, which is the last step: a row that is inserted after a stream's snapshot and before a
//! vtgate knows is nobody's (the lost-insert gap). Externalize checks what the streams say, removes
//! them and clears `write_only`. See `go/vt/wrangler/materializer.go`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sim::sql::print;
use sim::value::Value;
use sim::world::Process;

use super::schema::save;
use super::{Failure, Vtctld, args::Args, step};
use crate::mutant::{self, Mutant};
use crate::rpc::{ExecuteFetchAsDba, VReplicationExec, VtctlOutput};
use crate::topo::{Alias, Change, TabletType, Topo};
use crate::vindex::Registry;
use crate::vreplication::picker;
use crate::vreplication::row::{COLUMNS, State, StreamRow};
use crate::vreplication::tables::BinlogSource;
use crate::vschema::KeyspaceSource;
use crate::vschema::source::{ColumnVindexSource, TableSource, VindexSource};

/// What a specification says, checked as far as it goes by itself.
struct Spec {
    vindex_name: String,
    vindex: VindexSource,
    owner: String,
    columns: Vec<String>,
    target_keyspace: String,
    target_table: String,
    from: Vec<String>,
    ignore_nulls: bool,
}

pub async fn create(
    vtctld: &Vtctld,
    process: Process,
    args: &Args,
) -> Result<VtctlOutput, Failure> {
    let [keyspace, json] = args.rest.as_slice() else {
        return Err("two arguments are required: keyspace and json_spec".to_owned());
    };
    let source = KeyspaceSource::parse(json).map_err(|error| error.to_string())?;
    let spec = Spec::check(&source, vtctld.options.v6)?;
    let topo = vtctld.topo(process).await?;
    let plan = Plan::new(vtctld, process, &topo, keyspace, spec).await?;
    plan.check_workflow_is_free().await?;
    save(vtctld, process, &plan.spec.target_keyspace, plan.target_vschema.clone()).await?;
    plan.create_table().await?;
    plan.create_streams(args).await?;
    plan.start_streams().await?;
    if plan.spec.target_keyspace != *keyspace {
        save(vtctld, process, keyspace, plan.source_vschema.clone()).await?;
    }
    vtctld.write(process, vec![Change::RebuildSrvVSchema]).await?;
    step("CreateLookupVindex SrvVSchema rebuilt");
    Ok(VtctlOutput::nothing())
}

impl Spec {
    fn check(source: &KeyspaceSource, v6: bool) -> Result<Spec, Failure> {
        let mut vindexes = source.vindexes.iter();
        let (Some((name, vindex)), None) = (vindexes.next(), vindexes.next()) else {
            let names: Vec<&String> = source.vindexes.keys().collect();
            return Err(format!("only one vindex must be specified in the specs: {names:?}"));
        };
        let kind = &vindex.type_name;
        if !kind.contains("lookup") {
            return Err(format!("vindex {kind} is not a lookup type"));
        }
        let param = |key: &str| vindex.params.get(key).cloned().unwrap_or_default();
        let table = param("table");
        let Some((target_keyspace, target_table)) = split_table(&table) else {
            return Err(match v6 {
                true => format!("vindex 'table' must be <keyspace>.<table>: {table}"),
                false => format!(
                    "vindex table name must be in the form <keyspace>.<table>. Got: {table}"
                ),
            });
        };
        // The legacy tool does not trim.
        let from: Vec<String> = param("from").split(',').map(str::to_owned).collect();
        if kind.contains("unique") && from.len() != 1 {
            return Err(format!("unique vindex 'from' should have only one column: {vindex:?}"));
        }
        let mut vindex = vindex.clone();
        vindex.params.insert("write_only".to_owned(), "true".to_owned());
        Registry::standard().create(kind, name, &vindex.params).map_err(|error| error.message)?;
        let mut tables = source.tables.iter();
        let (Some((owner, table)), None) = (tables.next(), tables.next()) else {
            let names: Vec<&String> = source.tables.keys().collect();
            return Err(format!("exactly one table must be specified in the specs: {names:?}"));
        };
        let [column_vindex] = table.column_vindexes.as_slice() else {
            let all = &table.column_vindexes;
            return Err(format!(
                "exactly one ColumnVindex must be specified for the table: {}",
                all.len()
            ));
        };
        if column_vindex.name != *name {
            return Err(format!(
                "ColumnVindex name must match vindex name: {} vs {name}",
                column_vindex.name
            ));
        }
        if !vindex.owner.is_empty() && vindex.owner != *owner {
            return Err(format!("vindex owner must match table name: {} vs {owner}", vindex.owner));
        }
        let columns = match column_vindex.columns.is_empty() {
            true => vec![column_vindex.column.clone()],
            false => column_vindex.columns.clone(),
        };
        if columns.iter().all(String::is_empty) {
            return Err(format!(
                "at least one column must be specified in ColumnVindexes: {column_vindex:?}"
            ));
        }
        if columns.len() != from.len() {
            return Err(format!(
                "length of table columns differes from length of vindex columns: {} vs {}",
                columns.len(),
                from.len()
            ));
        }
        Ok(Spec {
            vindex_name: name.clone(),
            ignore_nulls: param("ignore_nulls") == "true",
            vindex,
            owner: owner.clone(),
            columns,
            target_keyspace,
            target_table,
            from,
        })
    }

    fn workflow(&self) -> String {
        format!("{}_vdx", self.target_table)
    }

    fn is_owned(&self) -> bool {
        !self.vindex.owner.is_empty()
    }

    fn to(&self) -> &str {
        self.vindex.params.get("to").map_or("keyspace_id", String::as_str)
    }
}

fn split_table(text: &str) -> Option<(String, String)> {
    let (keyspace, table) = text.split_once('.')?;
    let plain = |part: &str| !part.is_empty() && !part.contains('.');
    let unquoted = |part: &str| part.trim_matches('`').to_owned();
    (plain(keyspace) && plain(table)).then(|| (unquoted(keyspace), unquoted(table)))
}

/// A specification bound to the cluster as it is.
struct Plan<'a> {
    vtctld: &'a Vtctld,
    process: Process,
    spec: Spec,
    source_shards: Vec<(Rc<str>, Alias)>,
    target_shards: Vec<(Rc<str>, Alias)>,
    source_keyspace: String,
    source_vschema: KeyspaceSource,
    target_vschema: KeyspaceSource,
    /// `create table`, or nothing where the table is there already.
    definition: String,
    /// Name of the target's primary vindex; none where the target is unsharded.
    target_vindex: Option<String>,
}

impl<'a> Plan<'a> {
    async fn new(
        vtctld: &'a Vtctld,
        process: Process,
        topo: &Topo,
        keyspace: &str,
        spec: Spec,
    ) -> Result<Plan<'a>, Failure> {
        let missing = |name: &str| format!("node doesn't exist: keyspaces/{name}/VSchema");
        let source = topo.keyspaces.get(keyspace).ok_or_else(|| missing(keyspace))?;
        let target = topo.keyspaces.get(spec.target_keyspace.as_str());
        let target = target.ok_or_else(|| missing(&spec.target_keyspace))?;
        let mut source_vschema = source.vschema.clone();
        add_vindex(&mut source_vschema, &spec)?;
        let source_shards = Vtctld::primaries(topo, keyspace)?;
        let target_shards = Vtctld::primaries(topo, &spec.target_keyspace)?;
        let Some((_, first)) = source_shards.first() else {
            return Err(format!("source shard has no primary: {keyspace}"));
        };
        let shown = show_create(vtctld, process, first, &spec.owner).await?;
        let (definition, kinds) = lookup_table(&shown, &spec)?;
        let same = spec.target_keyspace == keyspace;
        let mut target_vschema = if same { source_vschema.clone() } else { target.vschema.clone() };
        let target_vindex = match target_vschema.sharded {
            true => Some(primary_vindex(&kinds[0], vtctld.options.v6)?.to_owned()),
            false => None,
        };
        add_table(&mut target_vschema, &spec, target_vindex.as_deref())?;
        if same {
            source_vschema = target_vschema.clone();
        }
        Ok(Plan {
            vtctld,
            process,
            source_shards,
            target_shards,
            source_keyspace: keyspace.to_owned(),
            source_vschema,
            target_vschema,
            definition,
            target_vindex,
            spec,
        })
    }

    async fn exec(&self, alias: &Alias, query: String) -> Result<(), Failure> {
        let request = VReplicationExec { query: query.into() };
        let answer = self.vtctld.ask(self.process, alias, request).await?;
        answer.map(|_| ()).map_err(|status| status.message)
    }

    async fn check_workflow_is_free(&self) -> Result<(), Failure> {
        let workflow = self.spec.workflow();
        for (_, primary) in &self.target_shards {
            let streams = streams(self.vtctld, self.process, primary, &workflow).await?;
            if streams.is_empty() {
                continue;
            }
            let keyspace = &self.spec.target_keyspace;
            let text = format!("workflow {workflow} already exists in keyspace {keyspace}");
            return Err(match self.vtctld.options.v6 {
                true => text,
                false => format!(
                    "validateWorkflowName.VReplicationExec: {text} on tablet {}",
                    primary.uid
                ),
            });
        }
        Ok(())
    }

    /// A table of that name that is there already stays as it is.
    async fn create_table(&self) -> Result<(), Failure> {
        let parsed = sim::sql::parse(&self.definition).map_err(|error| {
            format!(
                "error: {error}; invalid lookup table definition generated: {}",
                self.definition
            )
        })?;
        let statement = Arc::new(parsed);
        for (shard, primary) in &self.target_shards {
            let there = show_create(self.vtctld, self.process, primary, &self.spec.target_table);
            if there.await.is_err() {
                let request = ExecuteFetchAsDba { statement: Arc::clone(&statement) };
                let result = self.vtctld.ask(self.process, primary, request).await?;
                result.map_err(|status| status.message)?;
            }
            step(format!("lookup table on {}/{shard}", self.spec.target_keyspace));
        }
        Ok(())
    }

    /// One statement a target primary, one row a source shard, all Stopped.
    async fn create_streams(&self, args: &Args) -> Result<(), Failure> {
        let v6 = self.vtctld.options.v6;
        let cells = args.flag("cells").or_else(|| args.flag("cell")).unwrap_or("");
        let types = args.flag("tablet_types").unwrap_or("");
        let types = if v6 { types.to_owned() } else { reprinted(types)? };
        let keep_going = args.is_set("continue_after_copy_with_owner");
        let literal = |text: &str| print::literal(&Value::text(text));
        let now = self.process.now().as_second();
        let (more, values) = match v6 {
            true => ("", ""),
            false => (
                ", workflow_type, workflow_sub_type, defer_secondary_keys, options",
                ", 2, 0, false, '{}'",
            ),
        };
        for (shard, primary) in &self.target_shards {
            let rows: Vec<String> = self
                .source_shards
                .iter()
                .map(|(source_shard, _)| {
                    let source = BinlogSource {
                        keyspace: self.source_keyspace.clone(),
                        shard: source_shard.to_string(),
                        table: self.spec.target_table.clone(),
                        filter: self.filter(shard),
                        stop_after_copy: self.spec.is_owned() && !keep_going,
                    };
                    format!(
                        "({}, {}, '', '', 9223372036854775807, 9223372036854775807, {}, {}, {now}, 0, 'Stopped', '', {}{values})",
                        literal(&self.spec.workflow()),
                        literal(&source.print(v6)),
                        literal(cells),
                        literal(&types),
                        literal(&format!("vt_{}", self.spec.target_keyspace)),
                    )
                })
                .collect();
            let query = format!(
                "insert into _vt.vreplication(workflow, source, pos, stop_pos, max_tps, max_replication_lag, cell, tablet_types, time_updated, transaction_timestamp, state, message, db_name{more}) values {}",
                rows.join(", ")
            );
            self.exec(primary, query).await?;
            step(format!("streams on {}/{shard}", self.spec.target_keyspace));
        }
        Ok(())
    }

    /// What the source gives for one target shard.
    fn filter(&self, target_shard: &str) -> String {
        let spec = &self.spec;
        let pairs = spec.columns.iter().zip(&spec.from);
        let columns: Vec<String> =
            pairs.map(|(column, from)| format!("{column} as {from}")).collect();
        let to = spec.to();
        let consistent = spec.vindex.type_name.starts_with("consistent_lookup");
        let value = match to == "keyspace_id" || consistent {
            true => "keyspace_id()".to_owned(),
            false => to.to_owned(),
        };
        let mut predicates = Vec::new();
        let same_single =
            self.source_shards.len() == 1 && *self.source_shards[0].0 == *target_shard;
        if let Some(vindex) = self.target_vindex.as_ref().filter(|_| !same_single) {
            predicates.push(format!(
                "in_keyrange({}, '{}.{vindex}', '{target_shard}')",
                spec.columns[0], spec.target_keyspace
            ));
        }
        if spec.ignore_nulls {
            predicates.extend(spec.from.iter().map(|from| format!("{from} is not null")));
        }
        let filter = match predicates.is_empty() {
            true => String::new(),
            false => format!(" where {}", predicates.join(" and ")),
        };
        let group = match spec.is_owned() {
            true => format!(" group by {}, {to}", spec.from.join(", ")),
            false => String::new(),
        };
        format!("select {}, {value} as {to} from {}{filter}{group}", columns.join(", "), spec.owner)
    }

    async fn start_streams(&self) -> Result<(), Failure> {
        for (shard, primary) in &self.target_shards {
            let query = format!(
                "update _vt.vreplication set state='Running' where workflow={}",
                print::literal(&Value::text(&self.spec.workflow()))
            );
            self.exec(primary, query).await?;
            step(format!("streams run on {}/{shard}", self.spec.target_keyspace));
        }
        Ok(())
    }
}

/// v24 reads the list and prints it in lower case.
fn reprinted(types: &str) -> Result<String, Failure> {
    if types.is_empty() {
        return Ok(String::new());
    }
    let (list, in_order) = picker::parse_types(types).map_err(|status| status.message)?;
    let names: Vec<&str> = list.into_iter().map(TabletType::name).collect();
    let prefix = if in_order { "in_order:" } else { "" };
    Ok(format!("{prefix}{}", names.join(",")))
}

fn add_vindex(vschema: &mut KeyspaceSource, spec: &Spec) -> Result<(), Failure> {
    let name = &spec.vindex_name;
    if vschema.vindexes.get(name).is_some_and(|known| *known != spec.vindex) {
        return Err(format!(
            "a conflicting vindex named {name} already exists in the source vschema"
        ));
    }
    let Some(owner) = vschema.tables.get_mut(&spec.owner) else {
        return Err(format!("source table {} not found in vschema", spec.owner));
    };
    for known in &owner.column_vindexes {
        let first = known.columns.first().unwrap_or(&known.column);
        if known.name == *name && *first == spec.columns[0] {
            return Err(format!(
                "ColumnVindex for table {} already exists: {}, please remove it and try again",
                spec.owner, spec.columns[0]
            ));
        }
    }
    let mut column_vindex =
        ColumnVindexSource { name: name.clone(), ..ColumnVindexSource::default() };
    match spec.columns.as_slice() {
        [only] => column_vindex.column = only.clone(),
        many => column_vindex.columns = many.to_vec(),
    }
    owner.column_vindexes.push(column_vindex);
    vschema.vindexes.insert(name.clone(), spec.vindex.clone());
    Ok(())
}

fn add_table(
    vschema: &mut KeyspaceSource,
    spec: &Spec,
    vindex: Option<&str>,
) -> Result<(), Failure> {
    let mut table = TableSource::default();
    if let Some(vindex) = vindex {
        let new = VindexSource { type_name: vindex.to_owned(), ..VindexSource::default() };
        let known = vschema.vindexes.entry(vindex.to_owned()).or_insert_with(|| new.clone());
        if *known != new {
            return Err(format!(
                "a conflicting vindex named {vindex} already exists in the target vschema"
            ));
        }
        table.column_vindexes.push(ColumnVindexSource {
            column: spec.from[0].clone(),
            name: vindex.to_owned(),
            columns: Vec::new(),
        });
    }
    let name = &spec.target_table;
    if vschema.tables.get(name).is_some_and(|known| *known != table) {
        return Err(format!(
            "a conflicting table named {name} already exists in the target vschema"
        ));
    }
    vschema.tables.insert(name.clone(), table);
    Ok(())
}

async fn show_create(
    vtctld: &Vtctld,
    process: Process,
    primary: &Alias,
    table: &str,
) -> Result<String, Failure> {
    let sql = format!("show create table {}", print::quoted_name(table));
    let statement = sim::sql::parse(&sql).map_err(|error| error.to_string())?;
    let request = ExecuteFetchAsDba { statement: Arc::new(statement) };
    let outcome = vtctld.ask(process, primary, request).await?;
    let outcome = outcome.map_err(|status| status.message)?;
    let text = outcome.rows.first().and_then(|row| row.get(1)).map(ToString::to_string);
    text.ok_or_else(|| "unexpected number of tables returned from schema: 0".to_owned())
}

/// The lookup table's definition, made of lines of the owner's, and the types of its columns.
fn lookup_table(shown: &str, spec: &Spec) -> Result<(String, Vec<String>), Failure> {
    let lines: Vec<&str> = shown.lines().collect();
    let first = lines.first().copied().unwrap_or_default();
    let mut text = vec![first.replacen(&spec.owner, &spec.target_table, 1)];
    let mut kinds = Vec::new();
    for (column, from) in spec.columns.iter().zip(&spec.from) {
        let quoted = format!("`{column}`");
        let line = lines
            .iter()
            .find(|line| line.contains(&quoted))
            .ok_or_else(|| format!("column {column} not found in schema {shown}"))?;
        let line = line
            .replacen(&quoted, &format!("`{from}`"), 1)
            .replace(" AUTO_INCREMENT", "")
            .replace(" DEFAULT NULL", "");
        let after = line.split_once(&format!("`{from}` ")).map_or("", |(_, rest)| rest);
        let kind = after.split([' ', '(', ',']).next().unwrap_or("").to_ascii_lowercase();
        kinds.push(kind);
        let line = line.trim_end();
        let is_whole = line.ends_with(',') || mutant::is(Mutant::NoCommaAfterColumn);
        text.push(if is_whole { line.to_owned() } else { format!("{line},") });
    }
    let data_type = spec.vindex.params.get("data_type").filter(|kind| !kind.is_empty());
    let consistent = spec.vindex.type_name.starts_with("consistent_lookup");
    let to_type = match data_type {
        Some(kind) if !consistent => format!("`{kind}`"),
        _ => "varbinary(128)".to_owned(),
    };
    text.push(format!("  `{}` {to_type},", spec.to()));
    let from: Vec<String> = spec.from.iter().map(|from| format!("`{from}`")).collect();
    text.push(format!("  PRIMARY KEY ({})", from.join(", ")));
    text.push(")".to_owned());
    Ok((text.join("\n"), kinds))
}

/// The vindex that shards the lookup table, by the type of its first column.
fn primary_vindex(kind: &str, v6: bool) -> Result<&'static str, Failure> {
    match kind {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => {
            Ok(if v6 { "hash" } else { "xxhash" })
        }
        "binary" | "varbinary" | "blob" | "tinyblob" | "mediumblob" | "longblob" => {
            Ok(if v6 { "binary_md5" } else { "xxhash" })
        }
        "char" | "varchar" | "text" | "tinytext" | "mediumtext" | "longtext" => {
            Ok(if v6 { "unicode_loose_md5" } else { "unicode_loose_xxhash" })
        }
        other => Err(format!("type {} is not recommended for a vindex", other.to_uppercase())),
    }
}

async fn streams(
    vtctld: &Vtctld,
    process: Process,
    primary: &Alias,
    workflow: &str,
) -> Result<Vec<StreamRow>, Failure> {
    let workflow = print::literal(&Value::text(workflow));
    let query = format!("select {COLUMNS} from _vt.vreplication where workflow={workflow}");
    let request = VReplicationExec { query: query.into() };
    let outcome = vtctld.ask(process, primary, request).await?;
    Ok(StreamRow::read_all(&outcome.map_err(|status| status.message)?))
}

pub async fn externalize(
    vtctld: &Vtctld,
    process: Process,
    args: &Args,
) -> Result<VtctlOutput, Failure> {
    let [qualified] = args.rest.as_slice() else {
        return Err("one argument is required: keyspace.vindex".to_owned());
    };
    let Some((keyspace, name)) = qualified.split_once('.').filter(|(_, n)| !n.contains('.')) else {
        return Err(format!("vindex name should be of the form keyspace.vindex: {qualified}"));
    };
    let topo = vtctld.topo(process).await?;
    let Some(record) = topo.keyspaces.get(keyspace) else {
        return Err(format!("node doesn't exist: keyspaces/{keyspace}/VSchema"));
    };
    let mut vschema = record.vschema.clone();
    let Some(vindex) = vschema.vindexes.get_mut(name) else {
        return Err(format!("vindex {keyspace}.{name} not found in vschema"));
    };
    let table = vindex.params.get("table").cloned().unwrap_or_default();
    let Some((target_keyspace, target_table)) = split_table(&table) else {
        return Err(format!(
            "vindex table name must be in the form <keyspace>.<table>. Got: {table}"
        ));
    };
    let owned = !vindex.owner.is_empty();
    let workflow = format!("{target_table}_vdx");
    let primaries = Vtctld::primaries(&topo, &target_keyspace)?;
    let mut known: BTreeMap<Alias, Vec<StreamRow>> = BTreeMap::new();
    for (shard, primary) in &primaries {
        let streams = streams(vtctld, process, primary, &workflow).await?;
        streams.iter().try_for_each(|stream| is_done(stream, owned, &target_keyspace, shard))?;
        known.insert(primary.clone(), streams);
    }
    if owned {
        for (primary, _) in known.iter().filter(|(_, streams)| !streams.is_empty()) {
            let query = format!(
                "delete from _vt.vreplication where db_name='vt_{target_keyspace}' and workflow='{workflow}'"
            );
            let request = VReplicationExec { query: query.into() };
            let answer = vtctld.ask(process, primary, request).await?;
            answer.map_err(|status| status.message)?;
            step(format!("streams of {workflow} deleted on {primary}"));
        }
    }
    vindex.params.remove("write_only");
    save(vtctld, process, keyspace, vschema).await?;
    if !mutant::is(Mutant::SrvVSchemaNotRebuilt) {
        vtctld.write(process, vec![Change::RebuildSrvVSchema]).await?;
    }
    step("ExternalizeVindex SrvVSchema rebuilt");
    Ok(VtctlOutput::nothing())
}

/// Whether a stream has done what it was for; nobody looks at how far it is behind.
fn is_done(stream: &StreamRow, owned: bool, keyspace: &str, shard: &str) -> Result<(), Failure> {
    let id = stream.id;
    if mutant::is(Mutant::ExternalizeAnyState) {
        return Ok(());
    }
    if !owned || !stream.source.stop_after_copy {
        return match stream.state {
            State::Running => Ok(()),
            other => Err(format!(
                "stream {id} for {keyspace}.{shard} is not in Running state: {}",
                other.name()
            )),
        };
    }
    let stopped = stream.state == State::Stopped && stream.message.contains("Stopped after copy");
    match stopped {
        true => Ok(()),
        false => Err(format!(
            "stream {id} for {keyspace}.{shard} is not in Stopped after copy state: {}, {}",
            stream.state.name(),
            stream.message
        )),
    }
}
