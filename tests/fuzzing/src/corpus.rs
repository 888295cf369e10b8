//! The inputs of a target on disk: a file each, whatever its name.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// All inputs of a corpus, ordered by name; none if the directory is not there.
pub(crate) fn read(directory: &Path) -> io::Result<Vec<Vec<u8>>> {
    let files = match fs::read_dir(directory) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = files
        .map(|file| Ok(file?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths.into_iter().map(fs::read).collect()
}

/// Puts the samples in place of those that were written before.
pub(crate) fn write_samples(directory: &Path, samples: &[Vec<u8>]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for file in fs::read_dir(directory)? {
        let file = file?;
        if file.file_name().as_encoded_bytes().starts_with(b"sample-") {
            fs::remove_file(file.path())?;
        }
    }
    for (number, sample) in samples.iter().enumerate() {
        fs::write(directory.join(format!("sample-{number:02}")), sample)?;
    }
    Ok(())
}

/// Keeps an input that failed, under a name made of its content (FNV-1a).
pub(crate) fn keep(directory: &Path, input: &[u8]) -> io::Result<PathBuf> {
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let path = directory.join(format!("failed-{hash:016x}"));
    fs::create_dir_all(directory)?;
    fs::write(&path, input)?;
    Ok(path)
}
