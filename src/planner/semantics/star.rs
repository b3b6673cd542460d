//! Stars, written out where all columns are known.
//!
//! See `semantics/early_rewriter.go`. It knows nothing of what the columns are for.

use sim::sql::ast::{ColumnName, Expr, Ident, Select, SelectItem, TableName};

use super::super::PlanError;
use super::Semantics;
use super::bind::is_named;
use super::table_set::TableSet;
use crate::key::Code;

impl Semantics {
    /// Replaces each star whose tables are all complete. Columns are qualified where FROM holds
    /// more than one table.
    pub fn expand_stars(&self, select: &mut Select, tables: &[u32]) -> Result<(), PlanError> {
        let items = std::mem::take(&mut select.items);
        for item in items {
            match item {
                SelectItem::Star(of) => {
                    let covered = self.covered(of.as_ref(), tables)?;
                    match self.columns_of(&covered, 1 < tables.len()) {
                        Some(columns) => select.items.extend(columns),
                        None => select.items.push(SelectItem::Star(of)),
                    }
                }
                other => select.items.push(other),
            }
        }
        Ok(())
    }

    fn covered(&self, of: Option<&TableName>, tables: &[u32]) -> Result<Vec<u32>, PlanError> {
        let Some(name) = of else { return Ok(tables.to_vec()) };
        let any = ColumnName { table: Some(name.clone()), name: name.name.clone() };
        let found = tables.iter().find(|number| is_named(self.table(**number), &any));
        match found {
            Some(number) => Ok(vec![*number]),
            None => {
                let text = format!("Unknown table '{name}'");
                Err(PlanError::new(Code::InvalidArgument, text))
            }
        }
    }

    /// What USING names comes first, and once.
    fn columns_of(&self, tables: &[u32], qualified: bool) -> Option<Vec<SelectItem>> {
        let merged = |number: u32, name: &Ident| {
            let is =
                |(known, of): &&(Ident, TableSet)| known.is(name.as_str()) && of.contains(number);
            1 < tables.len() && self.using.iter().any(|using| is(&using))
        };
        let mut items = Vec::new();
        let mut taken: Vec<&Ident> = Vec::new();
        for (name, of) in self.using.iter().filter(|_| 1 < tables.len()) {
            let first = tables.iter().find(|number| of.contains(**number));
            let Some(number) = first.filter(|_| !taken.contains(&name)) else { continue };
            taken.push(name);
            let table = qualified.then(|| self.qualifier(*number));
            let expr = Expr::Bound(ColumnName { table, name: name.clone() }, *number);
            items.push(SelectItem::Expr { expr, alias: None });
        }
        for number in tables {
            for name in self.table(*number).star()? {
                if merged(*number, &name) {
                    continue;
                }
                let table = qualified.then(|| self.qualifier(*number));
                let expr = Expr::Bound(ColumnName { table, name }, *number);
                items.push(SelectItem::Expr { expr, alias: None });
            }
        }
        Some(items)
    }
}
