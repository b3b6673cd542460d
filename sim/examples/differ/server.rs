//! Real servers to compare with: started in a data directory of their own, reached by socket only,
//! gone with all they wrote when the example ends.
//!
//! MySQL is the model; it stands unpacked (not installed) in the folder that the environment
//! variable [`MYSQL_ROOT`] names. MariaDB is the second opinion and the one that any Debian
//! installs. What both are started with is what a comparison must pin: durability off (nothing
//! here outlives the process), GTIDs and full row images, interleaved AUTO_INCREMENT.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::answer::Count;
use crate::real::Real;

pub const MYSQL_ROOT: &str = "VINDICATE_MYSQL_ROOT";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    MySql,
    MariaDb,
}

pub struct RealServer {
    pub product: Product,
    directory: PathBuf,
    child: Child,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "{MYSQL_ROOT} names no unpacked MySQL: run sim/examples/differ/unpack-mysql.sh TARGET and \
         set {MYSQL_ROOT}=TARGET, or compare with --server mariadb"
    )]
    NotUnpacked,
    #[error("cannot run {program}")]
    Run { program: String, source: io::Error },
    #[error("{program} failed: see its output\n{output}")]
    Initialise { program: String, output: String },
    #[error("the server did not answer within 60 s: see its log\n{log}")]
    Silent { log: String },
}

impl RealServer {
    /// In memory where there is room for it: a server of the comparison syncs nothing, and still
    /// its definitions of tables are slow on a disk.
    pub fn start(product: Product) -> Result<RealServer, StartError> {
        let in_memory = Path::new("/dev/shm");
        let started = in_memory.is_dir().then(|| RealServer::start_in(in_memory, product));
        match started {
            Some(Ok(server)) => Ok(server),
            _ => RealServer::start_in(&std::env::temp_dir(), product),
        }
    }

    fn start_in(folder: &Path, product: Product) -> Result<RealServer, StartError> {
        let directory = folder.join(format!("vindicate-differ-{}", std::process::id()));
        let run = |source| StartError::Run { program: directory.display().to_string(), source };
        fs::create_dir_all(&directory).map_err(run)?;
        let child = match product {
            Product::MySql => start_mysql(&directory),
            Product::MariaDb => start_mariadb(&directory),
        };
        let child = child.inspect_err(|_| {
            let _ = fs::remove_dir_all(&directory);
        })?;
        let mut server = RealServer { product, directory, child };
        server.wait_until_it_answers()?;
        Ok(server)
    }

    pub fn connect(&self, count: Count) -> Result<Real, mysql::Error> {
        Real::open(&self.socket(), count)
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }

    fn wait_until_it_answers(&mut self) -> Result<(), StartError> {
        let start = Instant::now();
        let gone = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)));
        while start.elapsed() < Duration::from_secs(60) && !gone(&mut self.child) {
            if self.connect(Count::Changed).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        Err(StartError::Silent { log })
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What both products take.
const COMMON: [&str; 16] = [
    "--skip-networking",
    "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00",
    "--server-id=1",
    "--log-bin=binlog",
    "--binlog-format=ROW",
    "--binlog-row-image=FULL",
    "--binlog-row-metadata=FULL",
    "--sync-binlog=0",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=OFF",
    "--innodb-autoinc-lock-mode=2",
    "--innodb-buffer-pool-size=64M",
    "--innodb-status-output-locks=ON",
    "--innodb-stats-persistent=OFF",
];

fn start_mysql(directory: &Path) -> Result<Child, StartError> {
    let root = std::env::var_os(MYSQL_ROOT).map(PathBuf::from).ok_or(StartError::NotUnpacked)?;
    let libraries = libraries_of(&root).ok_or(StartError::NotUnpacked)?;
    let data = directory.join("data");
    let server = |arguments: &[&str]| {
        let mut command = Command::new(libraries.loader.as_os_str());
        let folders = format!("{0}:{0}/private", libraries.folder.display());
        command.arg("--library-path").arg(folders).arg(root.join("usr/sbin/mysqld"));
        command.args(["--no-defaults", "--user=root", "--mysqlx=OFF", "--secure-file-priv="]);
        command.arg(format!("--datadir={}", data.display()));
        command.arg(format!("--lc-messages-dir={}", root.join("usr/share/mysql").display()));
        command.args(arguments);
        command
    };
    finish(&mut server(&["--initialize-insecure"]))?;
    let mut command = server(&COMMON);
    command.args(["--gtid-mode=ON", "--enforce-gtid-consistency=ON"]);
    command.arg("--collation-server=utf8mb4_0900_ai_ci");
    spawn(&mut command, directory)
}

fn start_mariadb(directory: &Path) -> Result<Child, StartError> {
    let data = format!("--datadir={}", directory.join("data").display());
    let mut install = Command::new("mariadb-install-db");
    install.args(["--no-defaults", "--user=root", "--auth-root-authentication-method=normal"]);
    finish(install.arg("--skip-test-db").arg(&data))?;
    let mut command = Command::new("mariadbd");
    command.args(["--no-defaults", "--user=root"]).arg(&data);
    // nosync is MySQL's word; MariaDB syncs nothing where the log is not flushed.
    command.args(COMMON.iter().filter(|option| !option.contains("nosync")));
    command.args(["--innodb-snapshot-isolation=OFF", "--collation-server=utf8mb4_bin"]);
    // MySQL's default, and what MySQL does without being told.
    command.arg(
        "--sql-mode=ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,\
         ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,TIME_ROUND_FRACTIONAL",
    );
    spawn(&mut command, directory)
}

fn spawn(command: &mut Command, directory: &Path) -> Result<Child, StartError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let run = |source| StartError::Run { program: program.clone(), source };
    let log = fs::File::create(directory.join("log")).map_err(run)?;
    command.arg(format!("--socket={}", directory.join("socket").display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().map_err(run)
}

fn finish(command: &mut Command) -> Result<(), StartError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| StartError::Run { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(StartError::Initialise { program, output })
}

/// The unpacked system's own libraries and the loader that goes with them.
struct Libraries {
    folder: PathBuf,
    loader: PathBuf,
}

fn libraries_of(root: &Path) -> Option<Libraries> {
    let folders = fs::read_dir(root.join("usr/lib")).ok()?;
    for folder in folders.filter_map(|folder| Some(folder.ok()?.path())) {
        let Ok(files) = fs::read_dir(&folder) else { continue };
        let mut paths = files.filter_map(|file| Some(file.ok()?.path()));
        let is_loader = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"))
        };
        if let Some(loader) = paths.find(is_loader) {
            return Some(Libraries { folder, loader });
        }
    }
    None
}
