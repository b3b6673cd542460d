//! `--vschema`, `--schema`, `--queries`: a team's own schema and statements as the workload.
//!
//! It knows nothing of what a workload is.

use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::plan::queries;
use crate::cli::{CommandError, read_text, tables, vschema_files};
use crate::fuzz::case::Source;
use crate::fuzz::schema::given::{BadGiven, Given};

/// See the [module](self).
#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct SchemaArguments {
    /// Vschemas to search with: of all keyspaces (with "keyspaces"), or of the one that the file is
    /// named after; drawn ones if none is given
    #[arg(long, value_name = "FILE", requires = "schema")]
    vschema: Vec<PathBuf>,
    /// Table definitions of the keyspace that the file is named after
    #[arg(long, value_name = "FILE", requires = "vschema")]
    schema: Vec<PathBuf>,
    /// Statements that clients send, beside those that are made for the tables; `?` and `:name` are
    /// given values
    #[arg(long, value_name = "FILE", requires = "vschema")]
    queries: Option<PathBuf>,
}

impl SchemaArguments {
    pub fn source(&self) -> Result<Source, CommandError> {
        if self.vschema.is_empty() {
            return Ok(Source::Drawn);
        }
        let (vschema, _) = vschema_files::read(&self.vschema)?;
        let mut definitions = Vec::new();
        for path in &self.schema {
            definitions.extend(tables::read(path, &read_text(path)?, &vschema)?);
        }
        let queries = self.queries.as_ref().map(|path| {
            let text = read_text(path)?;
            let queries = queries::split(&text).into_iter().map(|query| (query.line, query.text));
            Ok::<_, CommandError>(queries.collect::<Vec<(usize, String)>>())
        });
        let queries = queries.transpose()?;
        let given = Given::new(&vschema, &definitions, queries.as_deref());
        let given = given.map_err(|error| {
            let file = self.queries.iter().filter(|_| matches!(error, BadGiven::Queries(_)));
            let file: String = file.map(|path| format!("{}: ", path.display())).collect();
            CommandError::usage(format!("{file}{error}")).hint(HINT)
        })?;
        Ok(Source::Given(Arc::new(given)))
    }

    /// As words of a command line.
    pub fn words(&self) -> String {
        let mut words = String::new();
        let mut add = |flag: &str, path: &PathBuf| {
            words.push_str(&format!(" --{flag} {}", path.display()));
        };
        self.vschema.iter().for_each(|path| add("vschema", path));
        self.schema.iter().for_each(|path| add("schema", path));
        self.queries.iter().for_each(|path| add("queries", path));
        words
    }
}

const HINT: &str = "a search needs a vschema, the definitions of its tables and of its lookup tables, \
and statements with semicolons between";
