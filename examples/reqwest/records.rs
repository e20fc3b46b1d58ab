//! Records as files, durable when they are written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{de::DeserializeOwned, Serialize};

pub(crate) struct Records(PathBuf);

impl Records {
    pub(crate) fn open(folder: String) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self(folder.into()))
    }

    /// `None` when there is no such record. One that can't be read is an error: without it something might be bought twice.
    pub(crate) fn read<R: DeserializeOwned>(&self, name: &str) -> io::Result<Option<R>> {
        match File::open(self.0.join(name)) {
            Ok(file) => Ok(serde_json::from_reader(file)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// On the disk when it returns, whole; if it fails, the old one stands.
    pub(crate) fn write(&self, name: &str, record: &impl Serialize) -> io::Result<()> {
        let new = self.0.join("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.sync_all()?;
        fs::rename(new, self.0.join(name))?;
        File::open(&self.0)?.sync_all()
    }
}
