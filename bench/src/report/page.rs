//! The fixed parts of the page.

pub const OPENING: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>Chevet bench</title>
<style>
:root { color-scheme: light dark; --text: #1c1f24; --soft: #5b6470; --grid: #e3e6ea; --back: #ffffff; --panel: #f7f8fa;
  --chevet: #1f6fd6; --livekit: #0b8a7d; --janus: #d9641a; --janus-threads: #a33b8f; --floor: #7b8490; --floor-gso: #3c434c; --other: #8a6d00; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --soft: #9aa3ae; --grid: #2d3239; --back: #14171a; --panel: #1b1f24;
  --chevet: #6aa9ff; --livekit: #40c9b9; --janus: #ff9a57; --janus-threads: #e08bd0; --floor: #8d96a2; --floor-gso: #c3c9d1; --other: #d9b43a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 1320px; margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 36px 0 4px; }
p { margin: 0 0 12px; color: var(--soft); max-width: 80ch; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 6px 22px; padding: 0; margin: 12px 0 0; }
.swatch { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 7px; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(480px, 1fr)); gap: 18px; }
figure { margin: 0; background: var(--panel); border-radius: 8px; padding: 12px; }
figcaption { font-weight: 600; margin-bottom: 4px; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--text); }
svg text.tick { fill: var(--soft); }
svg text.strong { font-weight: 600; }
line.grid { stroke: var(--grid); stroke-width: 1; }
polyline { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
circle, rect { fill: currentColor; }
g.void polyline { stroke-width: 1; stroke-dasharray: 3 4; }
g.void circle { fill-opacity: 0.35; }
rect.void { fill-opacity: 0.3; stroke: currentColor; stroke-dasharray: 3 3; }
.swatch { background: currentColor; }
.chevet { color: var(--chevet); } .livekit { color: var(--livekit); } .janus { color: var(--janus); }
.janus-threads { color: var(--janus-threads); } .floor { color: var(--floor); } .floor-gso { color: var(--floor-gso); }
.other { color: var(--other); }
pre { overflow-x: auto; background: var(--panel); border-radius: 8px; padding: 14px; font-size: 12.5px; line-height: 1.55; }
</style>
</head>
<body>
<h1>Chevet bench</h1>
"#;

pub const CLOSING: &str = "</body>\n</html>\n";
