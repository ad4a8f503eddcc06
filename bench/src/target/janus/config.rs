//! The configuration of a Janus that does nothing but forward.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::super::ServerOptions;
use super::super::process::Folder;

/// Where the package put it.
#[derive(Debug)]
pub struct Installed {
    pub program: PathBuf,
    /// With `plugins` and `transports`.
    libraries: PathBuf,
}

impl Installed {
    pub fn find() -> anyhow::Result<Installed> {
        const MISSING: &str = "Janus is not installed: tools/setup bench, or apt-get install janus";
        let program = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .map(|folder| folder.join("janus"))
            .find(|path| path.is_file())
            .context(MISSING)?;
        // Debian: /usr/lib/<machine>/janus; built from source: <prefix>/lib/janus.
        let prefix = program.parent().and_then(Path::parent).unwrap_or(Path::new("/usr")).join("lib");
        let machines = fs::read_dir(&prefix).into_iter().flatten().flatten().map(|entry| entry.path());
        let libraries = std::iter::once(prefix.clone())
            .chain(machines)
            .map(|folder| folder.join("janus"))
            .find(|folder| folder.join("plugins/libjanus_videoroom.so").exists());
        match libraries {
            Some(libraries) => Ok(Installed { program, libraries }),
            None => bail!("{} has no VideoRoom plugin. {MISSING}", program.display()),
        }
    }

    /// Every library of a kind but one, as `disable` wants them.
    fn others(&self, kind: &str, wanted: &str) -> String {
        let files = fs::read_dir(self.libraries.join(kind)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name.ends_with(".so") && name != wanted);
        names.sort_unstable();
        names.join(",")
    }
}

/// Writes all files that Janus reads.
pub fn write(
    folder: &Folder,
    installed: &Installed,
    options: &ServerOptions,
    port: u16,
) -> anyhow::Result<()> {
    let loops = match options.event_loops {
        0 => String::new(),
        loops => format!("\tevent_loops = {loops}\n"),
    };
    let (libraries, configs) = (installed.libraries.display(), folder.path().display());
    let (plugins, transports) = (
        installed.others("plugins", "libjanus_videoroom.so"),
        installed.others("transports", "libjanus_http.so"),
    );
    let address = options.address;
    folder.write(
        "janus.jcfg",
        &format!(
            "general: {{\n\
             \tconfigs_folder = \"{configs}\"\n\
             \tplugins_folder = \"{libraries}/plugins\"\n\
             \ttransports_folder = \"{libraries}/transports\"\n\
             \tevents_folder = \"{libraries}/events\"\n\
             \tloggers_folder = \"{libraries}/loggers\"\n\
             \tdebug_level = 3\n\
             \tdebug_colors = false\n\
             \tdebug_timestamps = true\n\
             {loops}}}\n\
             media: {{\n\tipv6 = false\n\trtp_port_range = \"20000-59999\"\n}}\n\
             nat: {{\n\tice_enforce_list = \"{address}\"\n\tfull_trickle = false\n}}\n\
             plugins: {{\n\tdisable = \"{plugins}\"\n}}\n\
             transports: {{\n\tdisable = \"{transports}\"\n}}\n\
             events: {{\n\tbroadcast = false\n}}\n"
        ),
    )?;
    folder.write(
        "janus.transport.http.jcfg",
        &format!(
            "general: {{\n\tjson = \"compact\"\n\tbase_path = \"/janus\"\n\thttp = true\n\tport = {port}\n\
             \tip = \"127.0.0.1\"\n\thttps = false\n}}\n\
             admin: {{\n\tadmin_http = false\n\tadmin_https = false\n}}\n"
        ),
    )?;
    folder.write("janus.plugin.videoroom.jcfg", "general: {\n\tstring_ids = false\n}\n")?;
    Ok(())
}
