//! What clients do: transactions of a few statements over few rows and fewer values, so that they
//! meet.
//!
//! A run draws once which kinds of statements there are at all, and how often (a swarm): two kinds
//! that are rare together are common somewhere.

use sim::seed::Draw;

use super::schema::Schema;

/// Which statements there are, and how often.
#[derive(Clone, Debug)]
pub struct Mix {
    kinds: Vec<(u64, Kind)>,
    /// Different values, keys, customers.
    values: u64,
    keys: u64,
    customers: u64,
    /// Percent of transactions that are explicit, and of those that are given up.
    explicit: u64,
    rolled_back: u64,
    savepoints: u64,
    nulls: u64,
    /// Percent of statements that find their row by its value.
    by_value: u64,
    /// Percent of transactions that all clients begin at once, with one value.
    storms: u64,
    /// All sessions are in mode SINGLE.
    pub single: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Insert,
    InsertRows,
    InsertIgnore,
    Upsert,
    UpdateValue,
    UpdateOther,
    Delete,
    Select,
    SelectForUpdate,
    SelectIn,
}

const KINDS: [(u64, Kind); 10] = [
    (10, Kind::Insert),
    (4, Kind::InsertRows),
    (1, Kind::InsertIgnore),
    (1, Kind::Upsert),
    (6, Kind::UpdateValue),
    (2, Kind::UpdateOther),
    (6, Kind::Delete),
    (3, Kind::Select),
    (1, Kind::SelectForUpdate),
    (1, Kind::SelectIn),
];

impl Mix {
    pub fn draw(draw: &mut Draw) -> Mix {
        let mut kinds = Vec::new();
        for (weight, kind) in KINDS {
            let is_rare = matches!(kind, Kind::InsertIgnore | Kind::Upsert);
            if draw.chance(if is_rare { 15 } else { 70 }) {
                kinds.push((weight * draw.between(1, 4), kind));
            }
        }
        if !kinds.iter().any(|(_, kind)| matches!(kind, Kind::Insert | Kind::InsertRows)) {
            kinds.push((10, Kind::Insert));
        }
        Mix {
            kinds,
            values: *draw.pick(&[1, 1, 2, 3, 4]),
            keys: draw.between(2, 7),
            customers: draw.between(2, 6),
            explicit: *draw.pick(&[0, 30, 60, 100]),
            rolled_back: *draw.pick(&[0, 10, 30]),
            savepoints: *draw.pick(&[0, 0, 20]),
            nulls: *draw.pick(&[0, 0, 10, 30]),
            by_value: *draw.pick(&[0, 30, 60]),
            storms: *draw.pick(&[0, 0, 20, 50]),
            single: draw.chance(8),
        }
    }

    /// Now and then an INSERT for each client, all with the same values and different keys.
    pub fn storm(&self, draw: &mut Draw, schema: &Schema, clients: usize) -> Option<Vec<String>> {
        if !draw.chance(self.storms) {
            return None;
        }
        let values: Vec<String> =
            (0..schema.lookups.len()).map(|at| self.value(draw, schema, at)).collect();
        let first = draw.between(1, self.keys);
        let insert = |client: usize| {
            let next = first + client as u64;
            let key = 1 + next % self.keys.max(clients as u64);
            let customer = (!schema.key_is_sharding).then_some(1 + next % self.customers);
            let row = row(key, customer, &values);
            insert(schema, "", &[row])
        };
        Some((0..clients).map(insert).collect())
    }

    /// The statements of one transaction.
    pub fn transaction(&self, draw: &mut Draw, schema: &Schema) -> Vec<String> {
        if !draw.chance(self.explicit) {
            return vec![self.statement(draw, schema)];
        }
        let mut statements = vec!["begin".to_owned()];
        for _ in 0..draw.between(1, 3) {
            if draw.chance(self.savepoints) {
                statements.push("savepoint s".to_owned());
                statements.push(self.statement(draw, schema));
                if draw.chance(50) {
                    statements.push("rollback to s".to_owned());
                }
            } else {
                statements.push(self.statement(draw, schema));
            }
        }
        let end = if draw.chance(self.rolled_back) { "rollback" } else { "commit" };
        statements.push(end.to_owned());
        statements
    }

    fn statement(&self, draw: &mut Draw, schema: &Schema) -> String {
        match draw.weighted(&self.kinds) {
            Kind::Insert => self.insert(draw, schema, 1, ""),
            Kind::InsertRows => {
                let rows = draw.between(2, 3);
                self.insert(draw, schema, rows, "")
            }
            Kind::InsertIgnore => {
                let rows = draw.between(1, 2);
                self.insert(draw, schema, rows, " ignore")
            }
            Kind::Upsert => {
                let insert = self.insert(draw, schema, 1, "");
                format!("{insert} on duplicate key update price = price + 1")
            }
            Kind::UpdateValue => {
                let at = lookup(draw, schema);
                let (column, value) = (schema.lookups[at].column, self.value(draw, schema, at));
                format!("update corder set {column} = {value} where {}", self.filter(draw, schema))
            }
            Kind::UpdateOther => {
                format!("update corder set price = price + 1 where {}", self.filter(draw, schema))
            }
            Kind::Delete => format!("delete from corder where {}", self.filter(draw, schema)),
            Kind::Select => {
                format!("select * from corder where {}", self.value_filter(draw, schema))
            }
            Kind::SelectForUpdate => {
                format!("select * from corder where {} for update", self.value_filter(draw, schema))
            }
            Kind::SelectIn => {
                let at = lookup(draw, schema);
                let values: Vec<String> = (0..draw.between(2, 3))
                    .map(|_| schema.value.literal(draw.between(1, self.values)))
                    .collect();
                let column = schema.lookups[at].column;
                format!("select * from corder where {column} in ({})", values.join(", "))
            }
        }
    }

    fn insert(&self, draw: &mut Draw, schema: &Schema, rows: u64, ignore: &str) -> String {
        let rows: Vec<String> = (0..rows)
            .map(|_| {
                let key = draw.between(1, self.keys);
                let customer = (!schema.key_is_sharding).then(|| draw.between(1, self.customers));
                let values: Vec<String> =
                    (0..schema.lookups.len()).map(|at| self.value(draw, schema, at)).collect();
                row(key, customer, &values)
            })
            .collect();
        insert(schema, ignore, &rows)
    }

    fn value(&self, draw: &mut Draw, schema: &Schema, at: usize) -> String {
        match schema.lookups[at].nullable && draw.chance(self.nulls) {
            true => "null".to_owned(),
            false => schema.value.literal(draw.between(1, self.values)),
        }
    }

    fn filter(&self, draw: &mut Draw, schema: &Schema) -> String {
        if draw.chance(self.by_value) {
            return self.value_filter(draw, schema);
        }
        let key = draw.between(1, self.keys);
        match schema.key_is_sharding || draw.chance(40) {
            true => format!("order_id = {key}"),
            false => {
                format!("customer_id = {} and order_id = {key}", draw.between(1, self.customers))
            }
        }
    }

    fn value_filter(&self, draw: &mut Draw, schema: &Schema) -> String {
        let at = lookup(draw, schema);
        let value = schema.value.literal(draw.between(1, self.values));
        format!("{} = {value}", schema.lookups[at].column)
    }
}

/// The place of one of the lookups.
fn lookup(draw: &mut Draw, schema: &Schema) -> usize {
    draw.below(schema.lookups.len() as u64) as usize
}

fn insert(schema: &Schema, ignore: &str, rows: &[String]) -> String {
    let columns = columns(schema).join(", ");
    format!("insert{ignore} into corder ({columns}) values {}", rows.join(", "))
}

/// A row of [`columns`]; without a customer where the key is the sharding column.
fn row(key: u64, customer: Option<u64>, values: &[String]) -> String {
    let customer = customer.map(|customer| format!(", {customer}")).unwrap_or_default();
    format!("({key}{customer}, {}, 1)", values.join(", "))
}

fn columns(schema: &Schema) -> Vec<&'static str> {
    let mut columns = vec!["order_id"];
    if !schema.key_is_sharding {
        columns.push("customer_id");
    }
    columns.extend(schema.lookups.iter().map(|lookup| lookup.column));
    columns.push("price");
    columns
}
