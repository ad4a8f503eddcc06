//! Which CPUs the server has, and which the generator.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Two disjoint sets of CPUs; none: nothing is pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    sets: Option<(Vec<usize>, Vec<usize>)>,
}

impl Pins {
    /// `auto`: with two to four CPUs the last half for the server and the first for the generator, otherwise none. `off`:
    /// none. `SERVER:GENERATOR`: lists such as `2,3:0,1`.
    pub fn parse(word: &str) -> anyhow::Result<Pins> {
        Pins::with(word, &available())
    }

    fn with(word: &str, available: &[usize]) -> anyhow::Result<Pins> {
        match word {
            "off" => return Ok(Pins { sets: None }),
            "auto" => {
                if !(2..=4).contains(&available.len()) {
                    return Ok(Pins { sets: None });
                }
                let (generator, server) = available.split_at(available.len() / 2);
                return Ok(Pins { sets: Some((server.to_vec(), generator.to_vec())) });
            }
            _ => {}
        }
        let Some((server, generator)) = word.split_once(':') else {
            anyhow::bail!("--pin: auto, off, or SERVER:GENERATOR such as 1:0 or 2,3:0,1; not {word}");
        };
        let list = |text: &str| -> anyhow::Result<Vec<usize>> {
            let cpus: Result<Vec<usize>, _> =
                text.split(',').map(|cpu| cpu.trim().parse::<usize>()).collect();
            let cpus = cpus.map_err(|_| anyhow::anyhow!("--pin: no list of CPUs: {text}"))?;
            match cpus.iter().find(|cpu| !available.contains(cpu)) {
                Some(cpu) => anyhow::bail!("--pin: there is no CPU {cpu}, only {available:?}"),
                None => Ok(cpus),
            }
        };
        let (server, generator) = (list(server)?, list(generator)?);
        if server.iter().any(|cpu| generator.contains(cpu)) {
            anyhow::bail!("--pin: server and generator must not share a CPU");
        }
        Ok(Pins { sets: Some((server, generator)) })
    }

    /// From here on this thread, and what it starts, has the server's CPUs.
    pub fn enter_server(&self) {
        if let Some((server, _)) = &self.sets {
            enter(server);
        }
    }

    pub fn enter_generator(&self) {
        if let Some((_, generator)) = &self.sets {
            enter(generator);
        }
    }

    pub fn generator_threads(&self) -> usize {
        match &self.sets {
            Some((_, generator)) => generator.len(),
            None => (available().len() / 2).max(1),
        }
    }

    /// Cores that the server has.
    pub fn server_cores(&self) -> f64 {
        match &self.sets {
            Some((server, _)) => server.len() as f64,
            None => available().len() as f64,
        }
    }

    pub fn describe(&self) -> String {
        match &self.sets {
            Some((server, generator)) => format!("server on CPU {server:?}, generator on {generator:?}"),
            None => String::new(),
        }
    }
}

fn available() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return vec![0] };
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect()
}

fn enter(cpus: &[usize]) {
    let mut set = CpuSet::new();
    for cpu in cpus {
        // Were looked up among those that there are.
        let _ = set.set(*cpu);
    }
    if let Err(error) = sched_setaffinity(Pid::from_raw(0), &set) {
        eprintln!("cannot stay on CPU {cpus:?}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_machine_is_shared_out_and_a_large_one_is_left_to_the_system() {
        assert_eq!(Pins::with("auto", &[0, 1]).unwrap().sets, Some((vec![1], vec![0])));
        assert_eq!(Pins::with("auto", &[0, 1, 2]).unwrap().sets, Some((vec![1, 2], vec![0])));
        assert_eq!(Pins::with("auto", &[0]).unwrap().sets, None);
        assert_eq!(Pins::with("auto", &(0..8).collect::<Vec<_>>()).unwrap().sets, None);
        assert_eq!(Pins::with("off", &[0, 1]).unwrap().sets, None);
    }

    #[test]
    fn lists_are_read_and_wrong_ones_refused_with_the_reason() {
        let sets = Pins::with("2,3:0,1", &[0, 1, 2, 3]).unwrap().sets;
        assert_eq!(sets, Some((vec![2, 3], vec![0, 1])));
        let refused = |word: &str| Pins::with(word, &[0, 1]).unwrap_err().to_string();
        assert!(refused("1:1").contains("share"), "{}", refused("1:1"));
        assert!(refused("7:0").contains("no CPU 7"), "{}", refused("7:0"));
        assert!(refused("x").contains("auto, off"), "{}", refused("x"));
    }
}
