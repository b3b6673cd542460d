//! What a MySQL server costs that nobody uses: a world holds many.

use sim::mysql::gtid::ServerUuid;
use sim::mysql::options::Options;
use sim::mysql::server::Server;

#[test]
fn an_idle_server_is_small() {
    let mut server = None;
    let info = allocation_counter::measure(|| {
        let mut idle = Server::new(Options::new(ServerUuid([1; 16]), 1));
        idle.connect("vt_app", Some("vt_commerce"));
        server = Some(idle);
    });
    let bytes = info.bytes_current;
    assert!(0 < bytes && bytes < 100 * 1024, "{bytes} bytes");
}
