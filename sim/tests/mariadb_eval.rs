//! Expressions, evaluated here and by a real MariaDB server: only a server can catch an error that
//! the model's parts share.
//!
//! Without a server on this machine the test says so and passes. What MySQL 8.4 and MariaDB do
//! differently is not in the table (collations, JSON, error texts, warnings).

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sim::eval::{Env, NoColumns, Program};
use sim::sql::ast::{Query, SelectItem, Statement};
use sim::sql::parse;

/// One expression a line; the server and the model must show the same, errors as their number.
const EXPRESSIONS: &str = include_str!("expressions.sql");

/// Where MariaDB shows digits that MySQL 9.7 does not: with what MySQL answered.
const OF_MYSQL: [(&str, &str); 4] = [
    ("case when 1 then 1 else 1.5 end", "1"),
    ("if(0, 1.5, 2)", "2"),
    ("round(1.5, 3)", "1.5"),
    ("1 / 3 * 3", "0.9999"),
];

struct Server {
    process: Child,
    folder: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Server {
    /// None where no server is installed.
    fn start() -> Option<Server> {
        let found = |name: &str| {
            ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"]
                .iter()
                .map(|folder| Path::new(folder).join(name))
                .find(|path| path.exists())
        };
        let (server, install) = (found("mariadbd")?, found("mariadb-install-db")?);
        found("mariadb")?;
        let folder = std::env::temp_dir().join(format!("mariadb-eval-{}", std::process::id()));
        let data = folder.join("data");
        std::fs::create_dir_all(&data).unwrap();
        let own_user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = format!("--user={}", String::from_utf8_lossy(&own_user).trim());
        let installed = Command::new(install)
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .args([user.clone(), format!("--datadir={}", data.display())])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(installed.success(), "mariadb-install-db failed");
        let process = Command::new(server)
            .args(["--no-defaults", "--skip-networking", "--innodb-buffer-pool-size=16M"])
            .args(["--character-set-server=utf8mb4", "--collation-server=utf8mb4_bin"])
            .args([user, format!("--datadir={}", data.display())])
            .arg(format!("--socket={}", folder.join("socket").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server { process, folder };
        for _ in 0..300 {
            if server.run("select 1").is_ok() {
                return Some(server);
            }
            pause();
        }
        panic!("mariadbd did not come up");
    }

    /// Statements in one batch: the output's lines, errors among them.
    fn run(&self, sql: &str) -> Result<String, String> {
        let output = Command::new("mariadb")
            .args(["--no-defaults", "-uroot", "--batch", "--skip-column-names", "--force"])
            .args(["--default-character-set=utf8mb4", "--binary-as-hex"])
            .arg(format!("--socket={}", self.folder.join("socket").display()))
            .args(["-e", sql])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if errors.contains("ERROR 2002") {
            return Err(errors);
        }
        Ok(format!("{}{errors}", String::from_utf8_lossy(&output.stdout)))
    }
}

/// A server of its own needs real time to come up.
#[allow(clippy::disallowed_methods)]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(100));
}

/// What the server shows for each expression.
fn expected(server: &Server, expressions: &[&str]) -> Vec<String> {
    let mut sql = String::from(
        "set names utf8mb4 collate utf8mb4_bin; set time_zone = '+00:00'; \
         set sql_mode = 'strict_trans_tables,error_for_division_by_zero'; \
         set timestamp = 1767225600.123456;\n",
    );
    for (at, expression) in expressions.iter().enumerate() {
        // The mark says where an error's place is.
        sql.push_str(&format!("select '#{at}';\nselect {expression};\n"));
    }
    let file = server.folder.join("batch.sql");
    std::fs::write(&file, sql).unwrap();
    let output = Command::new("mariadb")
        .args(["--no-defaults", "-uroot", "--batch", "--skip-column-names", "--force", "-v"])
        .args(["--default-character-set=utf8mb4", "--raw"])
        .arg(format!("--socket={}", server.folder.join("socket").display()))
        .arg("-e")
        .arg(format!("source {}", file.display()))
        .output()
        .unwrap();
    let mut results = vec![String::new(); expressions.len()];
    let shown = String::from_utf8_lossy(&output.stdout);
    let mut at = None;
    for line in shown.lines() {
        if let Some(number) = line.strip_prefix('#') {
            at = number.parse::<usize>().ok();
            continue;
        }
        let echoed = line.starts_with("--------------") || line.starts_with("select ");
        if let Some(at) = at.filter(|_| !echoed && !line.is_empty()) {
            results[at] = line.to_owned();
        }
    }
    // An error names the line of the file: `ERROR 1690 (22003) at line 7 in file: '..'`.
    for error in String::from_utf8_lossy(&output.stderr).lines() {
        let number = error.strip_prefix("ERROR ").and_then(|rest| rest.split(' ').next());
        let line = error.split(" at line ").nth(1).and_then(|rest| rest.split(' ').next());
        let line: Option<usize> = line.and_then(|line| line.trim_end_matches(':').parse().ok());
        if let (Some(number), Some(line)) = (number, line)
            && 3 <= line
        {
            results[(line - 3) / 2] = format!("ERROR {number}");
        }
    }
    results
}

fn evaluated(expression: &str) -> String {
    let statement = match parse(&format!("select {expression}")) {
        Ok(statement) => statement,
        Err(error) => return error.to_string(),
    };
    let Statement::Query(Query::Select(select)) = statement else { return "no query".to_owned() };
    let [SelectItem::Expr { expr, .. }] = select.items.as_slice() else {
        return "no expression".to_owned();
    };
    let now = sim::eval::temporal::parse_datetime("2026-01-01 00:00:00.123456").unwrap();
    let mut env = Env::new(now);
    env.collation = sim::collation::Collation::Utf8mb4Bin;
    match Program::compile(expr, &NoColumns).and_then(|program| program.run(&[], &mut env)) {
        Ok(value) => value.to_string(),
        Err(error) => format!("ERROR {}", error.errno),
    }
}

#[test]
fn where_mariadb_differs_mysql_decides() {
    for (expression, expected) in OF_MYSQL {
        assert_eq!(evaluated(expression), expected, "{expression}");
    }
}

#[test]
fn expressions_agree_with_mariadb() {
    let expressions: Vec<&str> = EXPRESSIONS
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("--"))
        .collect();
    let Some(server) = Server::start() else {
        println!("skipped: no MariaDB server");
        return;
    };
    let expected = expected(&server, &expressions);
    let mut failed = Vec::new();
    for (expression, expected) in expressions.iter().zip(&expected) {
        let found = evaluated(expression);
        if found != *expected {
            failed.push(format!("{expression}\n  mariadb: {expected}\n  here:    {found}"));
        }
    }
    println!("{} of {} expressions agree", expressions.len() - failed.len(), expressions.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
