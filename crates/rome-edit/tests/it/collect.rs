//! Statistics collected over text, stopped, resumed, and merged.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use rome_edit::statistics::{MergeStatistics, SaveEvery, ShowStatistics, StatisticsError, SumFormat};
use rome_edit::{Collect, Error, ErrorKind, Event, Hint, LayerSelection, Progress, Shard, Unit};
use serde_json::Value;

use crate::session;

/// A collection at two layers of the bundled GPT-2.
fn collect(output: &Path) -> Collect {
    let text = vec![fixtures::path("corpus/documents.txt")];
    Collect { output: Some(output.to_owned()), ..Collect::new(text, LayerSelection::List(vec![0, 2])) }
}

/// Stops after this many documents.
fn after_documents(mut n: usize) -> impl FnMut(Event<'_>) -> ControlFlow<()> + Send {
    move |event| {
        n -= usize::from(matches!(event, Event::Progress(Progress { unit: Unit::TextBytes, .. })));
        if n == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The bytes of each file of a folder, by its name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn a_collection_stopped_and_resumed_gives_the_same_bytes() {
    let session = session();
    for pack in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
        let in_one = Collect { pack, ..collect(&whole) }.run(session.model(), &mut ()).unwrap();

        let mut in_parts = Collect { pack, ..collect(&parts) };
        let stopped = in_parts.run(session.model(), &mut after_documents(20)).unwrap_err();
        assert_eq!(stopped.kind(), ErrorKind::Stopped);
        let Error::Statistics(StatisticsError::Interrupted { path }) = stopped else { panic!("{stopped}") };
        assert_eq!(files(&parts).keys().collect::<Vec<_>>(), ["unfinished.safetensors"]);
        let refused = in_parts.run(session.model(), &mut ()).unwrap_err();
        assert!(matches!(refused, Error::Statistics(StatisticsError::Unfinished { .. })), "{refused}");

        in_parts.resume = true;
        // Stopped again while it passes over what it knows, and once more after that.
        let state = fs::read(&path).unwrap();
        let stopped = in_parts.run(session.model(), &mut after_documents(5)).unwrap_err();
        assert!(matches!(stopped, Error::Stopped(_)) && fs::read(&path).unwrap() == state);
        let stopped = in_parts.run(session.model(), &mut after_documents(33)).unwrap_err();
        assert!(stopped.kind() == ErrorKind::Stopped && fs::read(&path).unwrap() != state);

        let collection = in_parts.run(session.model(), &mut ()).unwrap();
        assert_eq!((collection.tokens, collection.documents), (in_one.tokens, in_one.documents));
        assert!(files(&parts) == files(&whole), "pack: {pack}");
    }
}

#[test]
fn each_save_is_told_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let collect = Collect { save_every: SaveEvery::Tokens(1), limit: Some(12), ..collect(folder.path()) };
    let mut saves = Vec::new();
    let mut observer = |event: Event<'_>| {
        if let Event::Saved { path, documents, tokens, .. } = event {
            saves.push((path.exists(), documents, tokens));
        }
        ControlFlow::Continue(())
    };
    let collection = collect.run(session().model(), &mut observer).unwrap();
    assert_eq!(saves.len(), 12);
    assert_eq!(saves.last(), Some(&(true, 12, collection.tokens)));

    let json = serde_json::to_value(&collection).unwrap();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["change", "documents", "files", "layers", "text", "tokens", "tokens_per_second"]);
    assert_eq!(json["files"][1], Value::from(folder.path().join("layer-2.safetensors").to_str().unwrap()));
}

#[test]
fn an_invalid_input_is_refused_before_a_model_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str, plot: Option<&str>| {
        let plot = plot.map(|plot| folder.path().join(plot));
        Collect { plot, ..Collect::new(vec![text.into()], LayerSelection::All) }.check()
    };
    let text = fixtures::path("corpus/documents.txt");
    let text = text.to_str().unwrap();
    assert!(check(text, Some("plot.svg")).is_ok());
    assert_eq!(check("nothing.txt", None).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(check("*.nothing", None).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(matches!(check("[.txt", None), Err(Error::Statistics(StatisticsError::Pattern { .. }))));
    assert!(matches!(check(file!(), None), Err(Error::Stats(_) | Error::Statistics(_))), "no text");
    assert!(matches!(check(text, Some("no/such/plot.svg")), Err(Error::File(_))));
}

#[test]
fn shards_add_up_in_any_order_and_the_missing_ones_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let session = session();
    let mut shards = Vec::new();
    for index in 0..3 {
        let shard = Shard { index, of: 3 };
        let collection =
            Collect { shard: Some(shard), ..collect(folder.path()) }.run(session.model(), &mut ()).unwrap();
        shards.push(collection.files[1].path.clone());
    }
    let merge = |files: &[&Path], output: &str| {
        let files = files.iter().map(|file| file.to_path_buf()).collect();
        let output = folder.path().join(output);
        let merged = MergeStatistics { files, output, format: SumFormat::Full }.run(&mut ()).unwrap();
        (merged.missing_shards, fs::read(merged.file).unwrap())
    };
    let [first, second, third] = [&shards[0], &shards[1], &shards[2]].map(|path| path.as_path());
    let (n_missing, sum) = merge(&[first, second, third], "sum.safetensors");
    assert!(merge(&[third, first, second], "again.safetensors") == (0, sum) && n_missing == 0);
    assert_eq!(merge(&[third, first], "two.safetensors").0, 1);

    let file = folder.path().join("sum.safetensors");
    let report = ShowStatistics { file, plot: None }.run().unwrap();
    assert_eq!((report.d_ff, report.provenance.layer, report.provenance.shards), (768, Some(2), None));
    let twice = MergeStatistics {
        files: vec![first.to_owned(), first.to_owned()],
        output: folder.path().join("twice.safetensors"),
        format: SumFormat::Full,
    };
    assert!(twice.run(&mut ()).unwrap_err().to_string().contains("shard 0 comes twice"));
    assert!(!twice.output.exists());
}

/// Such files have gigabytes at the size of GPT-J.
#[test]
fn a_merge_reads_the_sum_of_each_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let session = session();
    let files: Vec<_> = (0..3)
        .map(|index| {
            let shard = Some(Shard { index, of: 3 });
            let collect = Collect { shard, limit: Some(12), ..collect(folder.path()) };
            collect.run(session.model(), &mut ()).unwrap().files[1].path.clone()
        })
        .collect();
    let output = folder.path().join("sum.safetensors");
    let merge = MergeStatistics { files: files.clone(), output, format: SumFormat::Full };
    // A file that was added is taken away: who reads it again fails.
    let mut take_away = |event: Event<'_>| {
        if let Event::Progress(Progress { unit: Unit::Shards, done, .. }) = event
            && let Some(file) = (done as usize).checked_sub(1).and_then(|index| files.get(index))
        {
            fs::remove_file(file).unwrap();
        }
        ControlFlow::Continue(())
    };
    assert_eq!(merge.run(&mut take_away).unwrap().missing_shards, 0);
    assert_eq!(files.iter().filter(|file| file.exists()).count(), 1);
}
