//! A server's life: start every part, print where it is, wait for a signal, stop in order.

use std::sync::Arc;

use anyhow::Context;
use chevet_clinic::Clinic;
use chevet_clinic::clock::Clock;
use chevet_config::{Config, Loaded};
use chevet_control::Control;
use chevet_control::serve::Server;
use chevet_sfu_io::Sfu;
use chevet_signalling::ServerFacts;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::outside::Outside;
use crate::{links, logging, pages, say, secrets, settings};

pub fn run(loaded: Loaded, demo: bool) -> anyhow::Result<()> {
    logging::start(&loaded.config.logging);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&loaded.config, demo))
}

async fn serve(config: &Config, demo: bool) -> anyhow::Result<()> {
    let keys = secrets::keys(config)?;
    let listener = Server::bind(settings::listener(config)).await.context("server")?;
    let listening = *listener.addrs().first().context("no address to listen on")?;
    let base = links::base_url(config, listening);

    let (sfu, events) = Sfu::start(settings::sfu(config)).context("rtc")?;
    let media = Arc::new(sfu.clone());
    let control = Control::start(settings::control(config, &keys, base.clone()), media, events)?;
    let facts = ServerFacts { node_id: chevet_control::sid::node(), development: config.dev };
    let mut doors =
        control.router().merge(chevet_signalling::router(control.clone(), facts)).merge(pages::router());
    // Lives as long as the clinic that is wired to it.
    let mut outside = None;
    let clinic = match config.clinic.enabled {
        true => {
            let local = links::local_url(config, listening);
            let mut settings = settings::clinic(config, &keys, base.clone(), local)?;
            let world = Outside::start(config, &mut settings).await?;
            doors = doors.merge(world.router());
            outside = world.page();
            let clinic = Clinic::start(settings, Clock::system()).await.context("clinic")?;
            Some((clinic, world))
        }
        false => None,
    };
    if let Some((clinic, _)) = &clinic {
        doors = doors.merge(clinic.router());
    }

    // Subscribed before anything is printed: whoever reads the links may stop us at once.
    let mut stopping = stop_signal(config.server.stop_timeout)?;
    say(&format!("Chevet is listening on {base}\n"));
    if let Some(page) = outside {
        say(&format!("Mails and messages of this trial: {base}{page}\n"));
    }
    if demo {
        say("\nTwo links for one call. Open each in a browser of its own:\n\n");
        for (name, link) in links::demo(&base, control.tokens())? {
            say(&format!("  {name}\n  {link}\n\n"));
        }
        say("Ctrl-C stops the server.\n");
    }
    tracing::info!(port = listening.port(), workers = sfu.workers(), "started");

    let stopped = async {
        let _ = stopping.wait_for(|stop| *stop).await;
        // Clients are told before their sockets close, so that they know when to come back.
        control.shut_down();
    };
    listener.run(&control, doors, stopped).await;
    if let Some((clinic, _outside)) = clinic {
        clinic.stop().await;
    }
    sfu.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Turns true at SIGTERM or SIGINT. A second signal, or `patience` after the first, ends the process at once.
fn stop_signal(patience: std::time::Duration) -> anyhow::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        tracing::info!("stopping");
        // Nobody left to tell is no reason to stay.
        let _ = sender.send(true);
        let in_order = tokio::select! {
            () = next() => false,
            () = tokio::time::sleep(patience) => false,
            () = sender.closed() => true,
        };
        if !in_order {
            tracing::warn!("stopped before everything was closed");
            std::process::exit(1);
        }
    });
    Ok(receiver)
}
