//! How large a function is, as it is and zipped as it is uploaded.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};
use serde::Serialize;

/// Bytes on disk.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Size {
    pub(crate) plain_bytes: u64,
    pub(crate) zipped_bytes: u64,
}

/// Of these files and folders. Byte code of Python is left out of both.
pub(crate) fn of(files: &[PathBuf], dir: &Path) -> Result<Size> {
    let archive = dir.join("function.zip");
    let mut command = Command::new("python3");
    command.args(["-c", ZIP]).arg(&archive).args(files);
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let plain_bytes = String::from_utf8_lossy(&output.stdout).trim().parse()?;
    let zipped_bytes = fs::metadata(&archive)?.len();
    fs::remove_file(&archive)?;
    Ok(Size { plain_bytes, zipped_bytes })
}

const ZIP: &str = r"
import os, sys, zipfile
total = 0
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for top in sys.argv[2:]:
        base = os.path.dirname(top)
        found = [top] if os.path.isfile(top) else [
            os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
        for path in found:
            if not path.endswith('.pyc'):
                total += os.path.getsize(path)
                archive.write(path, os.path.relpath(path, base))
print(total)
";
