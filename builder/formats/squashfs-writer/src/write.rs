//! Starts the threads and writes an image.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

use crate::image::Appender;
use crate::pipeline::{Pipeline, Worker};
use crate::{BlockCache, Error, Image, Options, Report, Summary, Writer};

/// Blocks in flight for each thread: enough that one slow block does not make the others wait.
const BLOCKS_PER_THREAD: usize = 4;

/// Writes an image: `fill` adds the entries, then tables and superblock are written.
///
/// `image` receives the bytes from its start on; whatever it held before does not matter, but what
/// it held behind [`Summary::bytes`] stays. `cache` is asked for every block before it is
/// compressed, and gets what was compressed. `observer` hears where content went; see [`Report`].
///
/// The bytes depend on `options` but for its number of threads, on the entries, and on the version
/// of the zstd library. With a cache they are the same as without, as long as it answers with what
/// it was once given for the same key: what an answer decompresses to is checked, but another valid
/// compressed form of the same content could not be told from the right one.
///
/// Memory: for every thread four blocks and their compressed forms, and zstd's state (up to some
/// MiB at high levels); for every entry about 80 bytes in all; 4 MiB besides.
///
/// # Errors
/// Those of `fill`; [`Error::BlockBytes`] and [`Error::Level`] for impossible options; those of
/// [`Writer::add`] that came to light only at the end. An image without a root is [`Error::Path`].
pub fn write<E: From<Error>>(
    options: &Options,
    image: &dyn Image,
    cache: Option<&dyn BlockCache>,
    observer: &mut dyn FnMut(&Report<'_>),
    fill: impl FnOnce(&mut Writer<'_>) -> Result<(), E>,
) -> Result<Summary, E> {
    options.check()?;
    let threads = options.threads.get();
    let (jobs, queue) = channel();
    let (answer, answers) = channel();
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        // In here, so that it is dropped, and the threads end, before the scope waits for them.
        let limit = threads.saturating_mul(BLOCKS_PER_THREAD);
        let pipeline = Pipeline::new(jobs, answers, limit, options.block_length()?);
        for _ in 0..threads {
            let worker = Worker::new(options.compressor, cache, answer.clone())?;
            let queue = &queue;
            let thread = thread::Builder::new().name("squashfs".to_owned());
            thread.spawn_scoped(scope, move || worker.run(queue)).map_err(Error::Thread)?;
        }
        drop(answer);
        let mut writer = Writer::new(options, pipeline, Appender::new(image), observer)?;
        fill(&mut writer)?;
        Ok(writer.finish()?)
    })
}
