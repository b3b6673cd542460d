//! MySQL's system variables and Vitess's own, and what vtgate does with a SET of each.
//!
//! One table. See `go/vt/sysvars/sysvars.go`. It knows nothing of values.

/// A variable that can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemVariable {
    pub name: &'static str,
    pub group: Group,
    pub values: Values,
    /// A hint in a query can set it for that query (`SET_VAR`).
    pub by_hint: bool,
    /// What DEFAULT means, as SQL.
    pub default: Option<&'static str>,
    pub case: Case,
}

/// What a SET comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// It means something to vtgate.
    Aware,
    ReadOnly,
    /// Nothing.
    Ignore,
    /// An error.
    NotSupported,
    /// The session keeps connections of its own with that setting.
    Reserved,
    /// An error, unless MySQL has that value already.
    CheckAndIgnore,
}

/// How the value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    Any,
    /// ON and OFF are 1 and 0.
    Boolean,
    /// A bare name is a text.
    Names,
}

/// The case in which MySQL shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Same,
    Upper,
}

/// Finds a variable by its name, whatever its case.
pub fn by_name(name: &str) -> Option<&'static SystemVariable> {
    let name = name.to_ascii_lowercase();
    let at = VARIABLES.binary_search_by(|variable| variable.name.cmp(&name)).ok()?;
    VARIABLES.get(at)
}

const fn variable(name: &'static str, group: Group) -> SystemVariable {
    SystemVariable {
        name,
        group,
        values: Values::Any,
        by_hint: false,
        default: None,
        case: Case::Same,
    }
}

impl SystemVariable {
    const fn boolean(self) -> SystemVariable {
        SystemVariable { values: Values::Boolean, ..self }
    }

    const fn names(self) -> SystemVariable {
        SystemVariable { values: Values::Names, ..self }
    }

    const fn by_hint(self) -> SystemVariable {
        SystemVariable { by_hint: true, ..self }
    }

    const fn upper(self) -> SystemVariable {
        SystemVariable { case: Case::Upper, ..self }
    }

    const fn default(self, default: &'static str) -> SystemVariable {
        SystemVariable { default: Some(default), ..self }
    }
}

#[rustfmt::skip]
static VARIABLES: &[SystemVariable] = &[
    variable("audit_log_read_buffer_size", Group::NotSupported),
    variable("auto_increment_increment", Group::NotSupported),
    variable("auto_increment_offset", Group::NotSupported),
    variable("autocommit", Group::Aware).boolean().default("1"),
    variable("big_tables", Group::Ignore).boolean(),
    variable("binlog_direct_non_transactional_updates", Group::NotSupported),
    variable("binlog_format", Group::CheckAndIgnore),
    variable("binlog_row_image", Group::NotSupported),
    variable("binlog_rows_query_log_events", Group::NotSupported),
    variable("block_encryption_mode", Group::CheckAndIgnore),
    variable("bulk_insert_buffer_size", Group::Ignore),
    variable("character_set_client", Group::CheckAndIgnore),
    variable("character_set_connection", Group::CheckAndIgnore),
    variable("character_set_database", Group::CheckAndIgnore),
    variable("character_set_filesystem", Group::CheckAndIgnore),
    variable("character_set_results", Group::CheckAndIgnore),
    variable("character_set_server", Group::CheckAndIgnore),
    variable("charset", Group::Aware).names().default("'utf8mb4'"),
    variable("client_found_rows", Group::Aware).boolean().default("0"),
    variable("collation_connection", Group::CheckAndIgnore),
    variable("collation_database", Group::CheckAndIgnore),
    variable("collation_server", Group::CheckAndIgnore),
    variable("completion_type", Group::CheckAndIgnore),
    variable("ddl_strategy", Group::Aware).names(),
    variable("debug", Group::Ignore),
    variable("default_storage_engine", Group::Ignore),
    variable("default_tmp_storage_engine", Group::Ignore),
    variable("default_week_format", Group::Reserved),
    variable("div_precision_increment", Group::CheckAndIgnore),
    variable("enable_system_settings", Group::Aware).boolean().default("1"),
    variable("end_markers_in_json", Group::Reserved).boolean().by_hint(),
    variable("eq_range_index_dive_limit", Group::Reserved).by_hint(),
    variable("explicit_defaults_for_timestamp", Group::Reserved),
    variable("foreign_key_checks", Group::Reserved).boolean().by_hint(),
    variable("group_concat_max_len", Group::Reserved).by_hint(),
    variable("information_schema_stats_expiry", Group::Reserved),
    variable("innodb_ft_enable_stopword", Group::NotSupported),
    variable("innodb_ft_user_stopword_table", Group::NotSupported),
    variable("innodb_lock_wait_timeout", Group::Reserved),
    variable("innodb_strict_mode", Group::Ignore).boolean(),
    variable("innodb_support_xa", Group::Ignore).boolean(),
    variable("innodb_table_locks", Group::Ignore).boolean(),
    variable("innodb_tmpdir", Group::Ignore),
    variable("interactive_timeout", Group::CheckAndIgnore),
    variable("join_buffer_size", Group::Ignore),
    variable("keep_files_on_create", Group::Ignore).boolean(),
    variable("lc_messages", Group::Ignore),
    variable("lc_time_names", Group::CheckAndIgnore),
    variable("lock_wait_timeout", Group::CheckAndIgnore),
    variable("long_query_time", Group::Ignore),
    variable("low_priority_updates", Group::Ignore).boolean(),
    variable("max_allowed_packet", Group::CheckAndIgnore),
    variable("max_delayed_threads", Group::Ignore),
    variable("max_error_count", Group::CheckAndIgnore),
    variable("max_execution_time", Group::CheckAndIgnore),
    variable("max_heap_table_size", Group::Reserved).by_hint(),
    variable("max_insert_delayed_threads", Group::Ignore),
    variable("max_join_size", Group::CheckAndIgnore),
    variable("max_length_for_sort_data", Group::CheckAndIgnore),
    variable("max_points_in_geometry", Group::NotSupported),
    variable("max_seeks_for_key", Group::Reserved).by_hint(),
    variable("max_sort_length", Group::CheckAndIgnore),
    variable("max_sp_recursion_depth", Group::NotSupported),
    variable("max_tmp_tables", Group::Reserved),
    variable("max_user_connections", Group::CheckAndIgnore),
    variable("migration_context", Group::Aware).names(),
    variable("min_examined_row_limit", Group::Reserved),
    variable("multi_range_count", Group::Ignore),
    variable("myisam_repair_threads", Group::NotSupported),
    variable("myisam_sort_buffer_size", Group::NotSupported),
    variable("myisam_stats_method", Group::NotSupported),
    variable("names", Group::Aware).names().default("'utf8mb4'"),
    variable("ndb_allow_copying_alter_table", Group::NotSupported),
    variable("ndb_autoincrement_prefetch_sz", Group::NotSupported),
    variable("ndb_blob_read_batch_bytes", Group::NotSupported),
    variable("ndb_blob_write_batch_bytes", Group::NotSupported),
    variable("ndb_deferred_constraints", Group::NotSupported),
    variable("ndb_force_send", Group::NotSupported),
    variable("ndb_fully_replicated", Group::NotSupported),
    variable("ndb_index_stat_enable", Group::NotSupported),
    variable("ndb_index_stat_option", Group::NotSupported),
    variable("ndb_join_pushdown", Group::NotSupported),
    variable("ndb_log_bin", Group::NotSupported),
    variable("ndb_log_exclusive_reads", Group::NotSupported),
    variable("ndb_row_checksum", Group::NotSupported),
    variable("ndb_use_exact_count", Group::NotSupported),
    variable("ndb_use_transactions", Group::NotSupported),
    variable("ndbinfo_max_bytes", Group::NotSupported),
    variable("ndbinfo_max_rows", Group::NotSupported),
    variable("ndbinfo_show_hidden", Group::NotSupported),
    variable("ndbinfo_table_prefix", Group::NotSupported),
    variable("net_buffer_length", Group::Ignore),
    variable("net_read_timeout", Group::CheckAndIgnore),
    variable("net_retry_count", Group::CheckAndIgnore),
    variable("net_write_timeout", Group::CheckAndIgnore),
    variable("new", Group::Ignore).boolean(),
    variable("old_alter_table", Group::NotSupported),
    variable("old_passwords", Group::Reserved),
    variable("optimizer_prune_level", Group::Reserved).by_hint(),
    variable("optimizer_search_depth", Group::Reserved).by_hint(),
    variable("optimizer_switch", Group::Reserved).by_hint(),
    variable("optimizer_trace", Group::Reserved),
    variable("optimizer_trace_features", Group::Reserved),
    variable("optimizer_trace_limit", Group::Reserved),
    variable("optimizer_trace_max_mem_size", Group::Reserved),
    variable("optimizer_trace_offset", Group::Reserved),
    variable("parser_max_mem_size", Group::Reserved),
    variable("preload_buffer_size", Group::NotSupported),
    variable("profiling", Group::Reserved).boolean(),
    variable("profiling_history_size", Group::Reserved),
    variable("query_alloc_block_size", Group::Reserved),
    variable("query_cache_type", Group::Ignore),
    variable("query_cache_wlock_invalidate", Group::Ignore).boolean(),
    variable("query_prealloc_size", Group::Ignore),
    variable("query_timeout", Group::Aware),
    variable("range_alloc_block_size", Group::Reserved).by_hint(),
    variable("range_optimizer_max_mem_size", Group::Reserved).by_hint(),
    variable("rbr_exec_mode", Group::NotSupported),
    variable("read_after_write_gtid", Group::Aware),
    variable("read_after_write_timeout", Group::Aware),
    variable("read_buffer_size", Group::Reserved).by_hint(),
    variable("read_rnd_buffer_size", Group::Reserved).by_hint(),
    variable("session_track_gtids", Group::Aware).names(),
    variable("session_track_schema", Group::CheckAndIgnore).boolean(),
    variable("session_track_state_change", Group::CheckAndIgnore).boolean(),
    variable("session_track_system_variables", Group::CheckAndIgnore),
    variable("session_track_transaction_info", Group::CheckAndIgnore),
    variable("session_uuid", Group::Aware).names(),
    variable("show_create_table_verbosity", Group::Reserved).boolean(),
    variable("show_old_temporals", Group::Reserved).boolean(),
    variable("skip_query_plan_cache", Group::Aware).boolean().default("0"),
    variable("socket", Group::ReadOnly),
    variable("sort_buffer_size", Group::Reserved).by_hint(),
    variable("sql_auto_is_null", Group::CheckAndIgnore).boolean(),
    variable("sql_big_selects", Group::Reserved).boolean().by_hint(),
    variable("sql_buffer_result", Group::Ignore).boolean(),
    variable("sql_log_off", Group::NotSupported),
    variable("sql_mode", Group::Reserved).by_hint(),
    variable("sql_notes", Group::Reserved).boolean(),
    variable("sql_quote_show_create", Group::Reserved).boolean(),
    variable("sql_safe_updates", Group::Reserved).boolean().by_hint(),
    variable("sql_select_limit", Group::Aware).default("0"),
    variable("sql_warnings", Group::Reserved).boolean(),
    variable("thread_pool_high_priority_connection", Group::NotSupported),
    variable("thread_pool_prio_kickup_timer", Group::NotSupported),
    variable("time_zone", Group::Reserved),
    variable("tmp_table_size", Group::Reserved).by_hint(),
    variable("transaction_alloc_block_size", Group::Ignore),
    variable("transaction_isolation", Group::Reserved).upper(),
    variable("transaction_mode", Group::Aware).names(),
    variable("transaction_prealloc_size", Group::Reserved),
    variable("transaction_read_only", Group::Aware).boolean().default("0"),
    variable("transaction_timeout", Group::Aware),
    variable("transaction_write_set_extraction", Group::NotSupported),
    variable("tx_isolation", Group::Reserved).upper(),
    variable("tx_read_only", Group::Aware).boolean().default("0"),
    variable("unique_checks", Group::Reserved).boolean().by_hint(),
    variable("updatable_views_with_limit", Group::Reserved).boolean().by_hint(),
    variable("version", Group::ReadOnly),
    variable("version_comment", Group::ReadOnly),
    variable("version_tokens_session", Group::CheckAndIgnore),
    variable("wait_timeout", Group::Ignore),
    variable("workload", Group::Aware).names(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(VARIABLES.is_sorted_by(|left, right| left.name < right.name));
        assert_eq!(by_name("SQL_Mode").map(|found| found.group), Some(Group::Reserved));
        assert_eq!(by_name("nope"), None);
    }
}
