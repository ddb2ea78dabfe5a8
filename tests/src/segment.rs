//! The files of a stopped broker: batches of a partition are damaged there as a failing disk damages them, or as a
//! writer that the broker does not check.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::broker::Broker;
use crate::raw::{at, replace, seal};

/// What is done to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A bit of the last record is turned; the checksum stays.
    Checksum,
    /// A codec that does not exist.
    Codec,
    /// A codec that is not the one of the bytes.
    Compression,
    /// A version of the format that does not exist.
    Magic,
    /// The length of the first record, in a batch without compression: the client reports nothing.
    Record,
    /// All records are removed, as compaction leaves the last batch of a producer: no damage.
    Empty,
}

/// The first segment of a partition.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Batches are no longer where the indexes point.
    moved: bool,
}

impl Segment {
    /// Reads it. The broker must be stopped.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn open(broker: &Broker, topic: &str, partition: i32) -> Result<Self> {
        let path = broker.data().join(format!("{topic}-{partition}")).join(format!("{:020}.log", 0));
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(Self { path, bytes, moved: false })
    }

    /// Damages the batch that contains this offset.
    ///
    /// # Errors
    /// When there is no such batch.
    pub fn damage(&mut self, offset: i64, damage: Damage) -> Result<()> {
        if damage == Damage::Empty {
            return self.empty(offset);
        }
        let batch = self.batch(offset)?;
        let byte = |batch: &[u8], at: usize| batch.get(at).copied().ok_or_else(|| anyhow!("a short batch"));
        match damage {
            Damage::Checksum => {
                let last = batch.len().saturating_sub(2);
                let turned = byte(batch, last)? ^ 1;
                replace(batch, last, &[turned]);
            }
            Damage::Codec => replace(batch, at::ATTRIBUTES, &5_i16.to_be_bytes()),
            Damage::Compression => replace(batch, at::ATTRIBUTES, &4_i16.to_be_bytes()),
            Damage::Magic => replace(batch, at::MAGIC, &[9]),
            Damage::Record => {
                // Without a codec the client reads the length at once.
                replace(batch, at::ATTRIBUTES, &0_i16.to_be_bytes());
                replace(batch, at::RECORDS, &[0xfe, 0xff, 0x7f]);
            }
            Damage::Empty => {}
        }
        if damage != Damage::Checksum {
            seal(batch);
        }
        Ok(())
    }

    /// Writes it back. The broker makes missing indexes anew.
    ///
    /// # Errors
    /// When a file can't be written or removed.
    pub fn save(&self) -> Result<()> {
        if self.moved {
            for index in ["index", "timeindex"].map(|extension| self.path.with_extension(extension)) {
                fs::remove_file(&index).with_context(|| index.display().to_string())?;
            }
        }
        fs::write(&self.path, &self.bytes).with_context(|| self.path.display().to_string())
    }

    fn empty(&mut self, offset: i64) -> Result<()> {
        let range = self.range(offset)?;
        let head = range.start..range.start + at::RECORDS;
        let batch = self.bytes.get_mut(head.clone()).ok_or_else(|| anyhow!("a short batch"))?;
        replace(batch, at::LENGTH, &i32::try_from(at::RECORDS - at::LENGTH - 4)?.to_be_bytes());
        replace(batch, at::RECORDS - 4, &0_i32.to_be_bytes());
        seal(batch);
        self.bytes.drain(head.end..range.end);
        self.moved = true;
        Ok(())
    }

    fn batch(&mut self, offset: i64) -> Result<&mut [u8]> {
        let range = self.range(offset)?;
        self.bytes.get_mut(range).ok_or_else(|| anyhow!("a short batch"))
    }

    fn range(&self, offset: i64) -> Result<Range<usize>> {
        let mut from = 0;
        loop {
            let first = i64::from_be_bytes(self.bytes_at(from)?);
            let length = usize::try_from(i32::from_be_bytes(self.bytes_at(from + at::LENGTH)?))?;
            let last = first + i64::from(i32::from_be_bytes(self.bytes_at(from + at::LAST_OFFSET_DELTA)?));
            let end = from + at::LENGTH + 4 + length;
            if (first..=last).contains(&offset) {
                return Ok(from..end);
            }
            from = end;
        }
    }

    fn bytes_at<const N: usize>(&self, from: usize) -> Result<[u8; N]> {
        match self.bytes.get(from..from + N) {
            Some(bytes) => Ok(bytes.try_into()?),
            None => bail!("{} has no such batch", self.path.display()),
        }
    }
}
