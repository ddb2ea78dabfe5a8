//! When a view is kept, replaced, set aside, and refused.

use super::*;

const OWN: &str = "CREATE TABLE x(a);";

fn open_in(dir: &tempfile::TempDir, schema: &str, cluster: &str) -> ViewFile {
    ViewFile::open(dir.path(), schema, cluster, Rebuild::Possible).unwrap()
}

fn mark(file: &ViewFile) {
    file.connect(false).unwrap().execute("INSERT INTO x VALUES (1)", []).unwrap();
}

fn marked(file: &ViewFile) -> bool {
    file.connect(true).unwrap().query_row("SELECT count(*) FROM x", [], |r| r.get::<_, i64>(0)).unwrap() == 1
}

/// The databases in the directory.
fn databases(dir: &tempfile::TempDir) -> Vec<String> {
    let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".db")).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_view_is_kept_and_rebuilt_when_it_is_of_another_schema_or_cluster_or_broken() {
    let dir = tempfile::tempdir().unwrap();
    let open = |schema: &str, cluster: &str| {
        let file = open_in(&dir, schema, cluster);
        file.discard_replaced().unwrap();
        file
    };
    mark(&open(OWN, "a"));
    assert!(marked(&open(OWN, "a")), "kept");
    assert!(!marked(&open("CREATE TABLE x(a, b);", "a")), "another schema");
    assert!(!marked(&open(OWN, "a")), "and back");
    mark(&open(OWN, "a"));
    assert!(!marked(&open(OWN, "b")), "another cluster");
    mark(&open(OWN, "b"));
    fs::write(dir.path().join("view.db"), "not a database").unwrap();
    assert!(!marked(&open(OWN, "b")), "broken");
}

#[test]
fn a_replaced_view_is_kept_until_the_new_one_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    mark(&open_in(&dir, OWN, "a"));
    for schema in ["CREATE TABLE x(a, b);", "CREATE TABLE x(a, c);"] {
        assert!(!marked(&open_in(&dir, schema, "a")));
        assert_eq!(databases(&dir), ["view.db", "view.replaced.db"], "one, the complete one");
    }
    assert!(marked(&open_in(&dir, OWN, "a")), "the release that wrote it continues with it");
    assert_eq!(databases(&dir), ["view.db"]);
    let new = open_in(&dir, "CREATE TABLE x(a, b);", "a");
    new.discard_replaced().unwrap();
    assert_eq!(databases(&dir), ["view.db"]);
}

#[test]
fn a_view_of_another_log_is_never_deleted_for_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    mark(&open_in(&dir, OWN, "a"));
    let other = open_in(&dir, OWN, "b");
    other.discard_replaced().unwrap();
    assert!(!marked(&other));
    assert_eq!(databases(&dir), ["view.db", "view.other-log.db"]);
    mark(&other);
    other.remake("it is ahead of the log").unwrap();
    assert!(!marked(&other));
    assert_eq!(databases(&dir), ["view.db", "view.other-log-2.db", "view.other-log.db"], "both are kept");
}

#[test]
fn a_view_that_the_journal_cannot_rebuild_is_kept_and_the_start_refused() {
    let dir = tempfile::tempdir().unwrap();
    let impossible = || Rebuild::Impossible("j-0 begins at offset 5".to_owned());
    mark(&open_in(&dir, OWN, "a"));
    for (schema, cluster, remedy) in [("CREATE TABLE x(a, b);", "a", "the release"), (OWN, "b", "kafka.brokers")] {
        let refused = ViewFile::open(dir.path(), schema, cluster, impossible()).unwrap_err().to_string();
        assert!(refused.contains("j-0 begins at offset 5") && refused.contains(remedy), "{refused}");
    }
    let kept = ViewFile::open(dir.path(), OWN, "a", impossible()).unwrap();
    assert!(marked(&kept), "a view that needs no rebuild is used");
    assert!(kept.remake("it is ahead of the log").is_err());
    assert!(marked(&kept));
    assert_eq!(databases(&dir), ["view.db"]);
    let empty = tempfile::tempdir().unwrap();
    let refused = ViewFile::open(empty.path(), OWN, "a", impossible()).unwrap_err().to_string();
    assert!(refused.contains("there is no file"), "{refused}");
    assert_eq!(databases(&empty), [""; 0]);
}

#[test]
fn a_directory_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open_in(&dir, OWN, "a");
    let second = ViewFile::open(dir.path(), OWN, "a", Rebuild::Possible).unwrap_err();
    assert!(second.to_string().contains("is in use by another instance"), "{second}");
}
