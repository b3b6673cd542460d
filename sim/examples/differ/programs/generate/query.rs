//! SELECT.

use super::{Class, Generator, Named, named};

impl Generator {
    pub fn select(&mut self) -> String {
        match self.dice.between(0, 29) {
            0..=7 => self.select_plain(),
            8..=13 => self.select_joined(),
            14..=18 => self.select_grouped(),
            19..=21 => self.select_union(),
            22..=25 => self.select_nested(),
            26 => self.select_derived(),
            27 => self.select_constant(),
            _ => self.select_ordered(),
        }
    }

    fn items(&mut self, scope: &[Named]) -> Vec<String> {
        let count = self.dice.between(1, 3);
        (0..count).map(|at| format!("{} as x{at}", self.expression(scope, 2))).collect()
    }

    fn select_plain(&mut self) -> String {
        let at = self.table();
        let table = self.tables[at].clone();
        let scope = named(&table, None);
        let distinct = if self.dice.percent(20) { "distinct " } else { "" };
        let items = if self.dice.percent(25) && distinct.is_empty() {
            vec!["*".to_string()]
        } else {
            self.items(&scope)
        };
        let mut text = format!("select {distinct}{} from {}", items.join(", "), table.name);
        if self.dice.percent(80) {
            let condition = self.condition(&scope, 2);
            text.push_str(&format!(" where {condition}"));
        }
        if self.dice.percent(30) && items[0] != "*" {
            let places: Vec<String> = (1..=items.len()).map(|at| at.to_string()).collect();
            let direction = self.dice.pick(&["", " desc"]);
            text.push_str(&format!(" order by {}{direction}", places.join(", ")));
            if self.dice.percent(40) {
                text.push_str(&format!(" limit {}", self.dice.between(0, 4)));
            }
        }
        text
    }

    fn select_joined(&mut self) -> String {
        let (a, b, mut scope, on) = self.pair();
        let kind = self.dice.pick(&["join", "left join", "right join", "straight_join"]);
        let mut from = format!("{} a {kind} {} b on {on}", a.name, b.name);
        if self.dice.percent(25) {
            let at = self.table();
            let c = self.tables[at].clone();
            scope.extend(named(&c, Some("c")));
            let kind = self.dice.pick(&["join", "left join", "right join"]);
            let on = match self.dice.between(0, 2) {
                0 => self.condition(&scope, 1),
                1 => "b.id = c.id".to_string(),
                _ => "a.id = c.id".to_string(),
            };
            from = format!("{from} {kind} {} c on {on}", c.name);
        }
        if self.dice.percent(15) {
            let kind = self.dice.pick(&["join", "left join", "right join"]);
            let items = self.items(&scope[..0]);
            return format!(
                "select *, {} from {} a {kind} {} b using (id)",
                items.join(", "),
                a.name,
                b.name
            );
        }
        let items = self.items(&scope);
        let condition = self.condition(&scope, 2);
        format!("select {} from {from} where {condition}", items.join(", "))
    }

    fn select_grouped(&mut self) -> String {
        let at = self.table();
        let table = self.tables[at].clone();
        let scope = named(&table, None);
        let aggregate = self.aggregate(&scope);
        let key = scope[self.dice.between(0, scope.len() - 1)].text.clone();
        let condition = self.condition(&scope, 1);
        match self.dice.between(0, 8) {
            0 => format!("select {aggregate} as x from {} where {condition}", table.name),
            4 => {
                let other = self.aggregate(&scope);
                format!("select {aggregate} as x from {} having {other} > 1", table.name)
            }
            5 => {
                let second = self.column(&table).name.clone();
                format!(
                    "select {key} as g, {second} as h, {aggregate} as x from {} group by g, h",
                    table.name
                )
            }
            6 => {
                let class = self.any_class(&scope);
                let operand = self.operand(&scope, class);
                let group = self.applied(&scope, class, &operand);
                format!("select {group} as g, {aggregate} as x from {} group by 1", table.name)
            }
            7 => format!(
                "select distinct {aggregate} as x from {} where {condition} group by {key}",
                table.name
            ),
            8 => format!(
                "select {key} as g, {aggregate} as x from {} group by {key} having x is not null \
                 order by x, g limit 3",
                table.name
            ),
            1 => {
                let other = self.aggregate(&scope);
                format!(
                    "select {key}, {aggregate} as x from {} where {condition} group by {key} \
                     having {other} > {} or {key} is null",
                    table.name,
                    self.dice.between(0, 3)
                )
            }
            2 if self.is_mysql() => {
                let shown = scope[self.dice.between(0, scope.len() - 1)].text.clone();
                format!(
                    "select {shown}, {aggregate} as x from {} group by {key} order by {key}",
                    table.name
                )
            }
            _ => format!(
                "select {key}, {aggregate} as x, count(*) as n from {} group by {key}",
                table.name
            ),
        }
    }

    fn aggregate(&mut self, scope: &[Named]) -> String {
        let column = scope[self.dice.between(0, scope.len() - 1)].clone();
        let argument = match self.dice.between(0, 3) {
            0 => self.operand(scope, column.class),
            _ => column.text.clone(),
        };
        let numeric = matches!(column.class, Class::Int | Class::Decimal);
        match self.dice.between(0, 10) {
            7 => format!("count(distinct id, {})", column.text),
            8 if numeric => format!("sum(distinct {})", column.text),
            9 => format!("group_concat(distinct {} order by {} desc)", column.text, column.text),
            10 => format!("count(case when {} is null then 1 end)", column.text),
            0 => "count(*)".to_string(),
            1 => format!("count({argument})"),
            2 => format!("count(distinct {argument})"),
            3 if numeric => format!("sum({})", column.text),
            4 if numeric => format!("avg({})", column.text),
            5 => format!("min({argument})"),
            6 => format!("group_concat({} order by {} separator '|')", column.text, column.text),
            _ => format!("max({argument})"),
        }
    }

    fn select_union(&mut self) -> String {
        let (a, b) = (self.table(), self.table());
        let (a, b) = (self.tables[a].clone(), self.tables[b].clone());
        let all = self.dice.pick(&["", " all"]);
        // Of one class: what a UNION makes of two is another matter.
        let (ours, theirs) = (named(&a, None), named(&b, None));
        let one = ours[self.dice.between(0, ours.len() - 1)].clone();
        let other = self.column_of(&theirs, one.class).unwrap_or_else(|| "null".to_string());
        let one = one.text;
        let mut text = format!(
            "select {one} as x, id from {} union{all} select {other}, id from {}",
            a.name, b.name
        );
        match self.dice.between(0, 7) {
            0 => text.push_str(&format!(" union all select {other}, id from {}", b.name)),
            1 => text.push_str(&format!(" union select {other}, id from {}", b.name)),
            2 => {
                return format!(
                    "(select {one} as x from {} order by id limit 2) union{all} \
                     (select {other} from {} where id > 3)",
                    a.name, b.name
                );
            }
            3 => {
                return format!(
                    "select count(*), max(x) from (select {one} as x from {} union{all} \
                     select {other} from {}) u",
                    a.name, b.name
                );
            }
            4 if self.dice.percent(10) => {
                let op = self.dice.pick(&["intersect", "except", "except all"]);
                return format!(
                    "select {one} as x from {} {op} select {other} from {}",
                    a.name, b.name
                );
            }
            _ => {}
        }
        if self.dice.percent(30) {
            text.push_str(" order by id, x limit 3");
        }
        text
    }

    fn select_nested(&mut self) -> String {
        let (a, b) = (self.table(), self.table());
        let (a, b) = (self.tables[a].clone(), self.tables[b].clone());
        let (outer, inner) = (named(&a, Some("o")), named(&b, Some("i")));
        let mut both = outer.clone();
        both.extend(inner.clone());
        let condition = self.condition(&both, 1);
        let condition_alone = self.condition(&inner, 1);
        let column = outer[self.dice.between(0, outer.len() - 1)].clone();
        let same: Vec<&Named> = inner.iter().filter(|own| own.class == column.class).collect();
        let other = match same.is_empty() {
            true => inner[0].text.clone(),
            false => same[self.dice.between(0, same.len() - 1)].text.clone(),
        };
        match self.dice.between(0, 9) {
            6 => format!(
                "select o.id from {} o where (o.id, {}) in (select i.id, {other} from {} i)",
                a.name, column.text, b.name
            ),
            7 => format!(
                "select {}, count(*) as n from {} o group by {} having n >= \
                 (select count(*) from {} i where {condition_alone})",
                column.text, a.name, column.text, b.name
            ),
            8 => format!(
                "select o.id from {} o where {} = (select {other} from {} i order by i.id, {other} limit 1)",
                a.name, column.text, b.name
            ),
            9 => format!(
                "select o.id from {} o where not exists (select 1 from {} i where i.id = o.id and \
                 {condition})",
                a.name, b.name
            ),
            0 => format!(
                "select o.id, (select count(*) from {} i where {condition}) as n from {} o",
                b.name, a.name
            ),
            1 => format!(
                "select o.id from {} o where exists (select 1 from {} i where {condition})",
                a.name, b.name
            ),
            2 => {
                let not = self.dice.pick(&["", "not "]);
                format!(
                    "select o.id from {} o where {} {not}in (select {other} from {} i where \
                     {condition})",
                    a.name, column.text, b.name
                )
            }
            3 => {
                let op = self.dice.pick(&["= any", "<> all", "> any", "<= all"]);
                format!(
                    "select o.id from {} o where {} {op} (select {other} from {} i)",
                    a.name, column.text, b.name
                )
            }
            4 => format!(
                "select d.x, d.n from (select {other} as x, count(*) as n from {} i group by \
                 {other}) d where d.n > {}",
                b.name,
                self.dice.between(0, 2)
            ),
            _ => format!(
                "select o.id, (select max({other}) from {} i where i.id = o.id) as m from {} o",
                b.name, a.name
            ),
        }
    }

    fn select_derived(&mut self) -> String {
        let (a, b) = (self.table(), self.table());
        let (a, b) = (self.tables[a].clone(), self.tables[b].clone());
        let column = self.column(&b).clone();
        let condition = self.condition(&named(&b, None), 1);
        let kind = self.dice.pick(&["join", "left join"]);
        let inner = match self.dice.between(0, 2) {
            0 => format!("select id, {} as x from {} where {condition}", column.name, b.name),
            1 => format!("select id, max({}) as x from {} group by id", column.name, b.name),
            _ => format!("select distinct id, {} as x from {}", column.name, b.name),
        };
        match self.dice.percent(20) {
            true => format!("select d.x, count(*) from ({inner}) d group by d.x"),
            false => {
                format!("select a.id, d.x from {} a {kind} ({inner}) d on d.id = a.id", a.name)
            }
        }
    }

    /// Without a table.
    fn select_constant(&mut self) -> String {
        let classes = [
            Class::Int,
            Class::Decimal,
            Class::Double,
            Class::Text,
            Class::Date,
            Class::DateTime,
            Class::Time,
        ];
        let items: Vec<String> = (0..self.dice.between(1, 3))
            .map(|at| {
                let class = classes[self.dice.between(0, classes.len() - 1)];
                let operand = self.literal(class);
                format!("{} as x{at}", self.applied(&[], class, &operand))
            })
            .collect();
        format!("select {}", items.join(", "))
    }

    /// Whole rows in an order that leaves nothing open.
    fn select_ordered(&mut self) -> String {
        let at = self.table();
        let table = self.tables[at].clone();
        let column = self.column(&table).clone();
        let direction = self.dice.pick(&["", " desc"]);
        let scope = named(&table, None);
        let key = match self.dice.percent(40) {
            true => self.applied(&scope, column.class, &column.name),
            false => column.name.clone(),
        };
        let limit = match self.dice.between(0, 3) {
            0 => format!(" limit {}", self.dice.between(1, 4)),
            1 => format!(" limit {} offset {}", self.dice.between(1, 4), self.dice.between(0, 2)),
            2 => format!(" limit {}, {}", self.dice.between(0, 2), self.dice.between(1, 4)),
            _ => String::new(),
        };
        let names: Vec<&str> = table.columns.iter().map(|own| own.name.as_str()).collect();
        format!(
            "select {} from {} order by {key}{direction}, {}{limit}",
            names.join(", "),
            table.name,
            names.join(", ")
        )
    }
}
