//! The memory allocator of release builds, with the feature `jemalloc`: jemalloc, also for librdkafka and SQLite. With
//! the system's allocator, whose arenas the services' many threads share, the same load costs a tenth more CPU time.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;
