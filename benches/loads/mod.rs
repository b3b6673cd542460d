//! Statements of an OLTP load over the guide's tables and of TPC-C (`scenarios/plan/tpcc`), and
//! what vtgate does with them: plan them cold, or find a plan that is kept.
//!
//! A statement of a file begins after a blank line; `--` names it.

// Each bench uses a part of it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use vindicate::planner::environment::Environment;
use vindicate::planner::normalize::parameterize::parameterize;
use vindicate::planner::primitive::Plan;
use vindicate::planner::statement::{self, Outer};
use vindicate::planner::{self, Context};
use vindicate::vindex::Registry;
use vindicate::vschema::{KeyspaceSource, SrvVSchema, VSchema};

const TPCC: &str = include_str!("../../scenarios/plan/tpcc/tpcc.queries");
const TPCC_VSCHEMA: &str = include_str!("../../scenarios/plan/tpcc/tpcc.vschema.json");
const OLTP_VSCHEMA: &str = include_str!("../../scenarios/guide/customer.vschema.json");

/// What applications send all day, over the guide's tables.
const OLTP: [(&str, &str); 8] = [
    ("point select", "select customer_id, email from customer where customer_id = 7"),
    ("select in", "select email from customer where customer_id in (1, 2, 3, 4, 5)"),
    (
        "scatter ordered",
        "select order_id, sku from corder where price > 5 order by order_id limit 10",
    ),
    ("scatter counted", "select sku, count(*) from corder group by sku order by sku"),
    (
        "join",
        "select c.email, o.sku from customer as c join corder as o on o.customer_id = c.customer_id \
         where c.customer_id = 7",
    ),
    ("insert", "insert into corder (order_id, customer_id, sku, price) values (1, 7, 'p', 5)"),
    ("update", "update corder set price = 6 where customer_id = 7 and order_id = 1"),
    ("delete", "delete from corder where customer_id = 7 and order_id = 1"),
];

pub struct Load {
    pub name: &'static str,
    pub keyspace: &'static str,
    pub written: &'static str,
    vschema: VSchema,
    pub statements: Vec<(String, String)>,
}

impl Load {
    fn new(
        name: &'static str,
        keyspace: &'static str,
        written: &'static str,
        statements: Vec<(String, String)>,
    ) -> Load {
        let own = KeyspaceSource::parse(written).expect("a vschema");
        let mut source = SrvVSchema::default();
        source.keyspaces.insert(keyspace.into(), own);
        let vschema = VSchema::build(&source, &Registry::standard());
        Load { name, keyspace, written, vschema, statements }
    }

    pub fn context<'a>(&'a self, environment: &'a Environment) -> Context<'a> {
        Context {
            vschema: &self.vschema,
            keyspace: Some(self.keyspace),
            shard: None,
            tablet_type: "primary",
            tables_header: "Tables_in_",
            environment,
            trace: None,
        }
    }
}

pub fn loads() -> [Load; 2] {
    let oltp = OLTP.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    [
        Load::new("oltp", "customer", OLTP_VSCHEMA, oltp),
        Load::new("tpcc", "tpcc", TPCC_VSCHEMA, queries(TPCC)),
    ]
}

fn queries(file: &str) -> Vec<(String, String)> {
    let blocks = file.split("\n\n").filter_map(|block| {
        let (name, text) = block.trim().strip_prefix("-- ")?.split_once('\n')?;
        Some((name.to_string(), text.trim().trim_end_matches(';').to_string()))
    });
    blocks.collect()
}

/// What vtgate does with a statement that it has met before.
pub struct Cache {
    plans: BTreeMap<String, Arc<Plan>>,
}

impl Cache {
    pub fn find(&self, text: &str) -> Option<Arc<Plan>> {
        self.plans.get(&Cache::key(text)?).cloned()
    }

    fn key(text: &str) -> Option<String> {
        let Ok(Outer::Sql(mut statement)) = statement::parse(text) else { return None };
        parameterize(&mut statement);
        Some(statement.to_string())
    }

    pub fn of(load: &Load, context: &Context<'_>) -> Cache {
        let plan = |(_, text): &(String, String)| {
            let key = Cache::key(text).expect("a statement with a plan");
            let plan = planner::build(&key, context).expect("a plan");
            (key, Arc::new(plan))
        };
        Cache { plans: load.statements.iter().map(plan).collect() }
    }
}
