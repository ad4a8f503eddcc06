//! A server's life: start every part, print where it is, wait for a signal, stop in order.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use chevet_config::{Config, Loaded};
use chevet_control::Control;
use chevet_sfu_io::Sfu;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::{links, logging, pages, secrets, settings};

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
    let address = SocketAddr::new(config.server.bind, config.server.port);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (server.bind, server.port)"))?;
    let listening = listener.local_addr()?;
    let base = links::base_url(config, listening);

    let (sfu, events) = Sfu::start(settings::sfu(config))?;
    let control =
        Control::start(settings::control(config, &keys, base.clone()), Arc::new(sfu.clone()), events)?;

    // Subscribed before anything is printed: whoever reads the links may stop us at once.
    let stopping = stop_signal(config.server.stop_timeout)?;
    println!("Chevet is listening on {base}");
    if demo {
        println!("\nTwo links for one call. Open each in a browser of its own:\n");
        for (name, link) in links::demo(&base, &links::signer(&keys, config.dev)?)? {
            println!("  {name}\n  {link}\n");
        }
        println!("Ctrl-C stops the server.");
    }
    tracing::info!(port = listening.port(), workers = sfu.workers(), "started");

    listen(listener, router(&control), stopping).await?;
    sfu.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// All doors on one listener. What no door answers is a page, or not found.
fn router(_control: &Control) -> Router {
    pages::router()
}

async fn listen(
    listener: TcpListener,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let stopped = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await?;
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
