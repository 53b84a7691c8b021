/**
 * The report's look. No font, image or script from elsewhere: the page is read offline, by night,
 * years later, on paper.
 */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --panel: #f5f6f8; --text: #1b1f24; --muted: #5b6470; --line: #d8dce2; --link: #0b57d0;
  --ok: #2e7d4f; --bad: #c4312c; --warn: #b26a00; --live: #2563b8; --off: #8a929c; --undo: #7a4fb5;
  --wait-ground: #fbe9c6; --wait-line: #b26a00; --wait-text: #5c3a00; --in-bar: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --panel: #1c2026; --text: #e4e7eb; --muted: #9aa3ae; --line: #333a43; --link: #8ab4f8;
    --ok: #4caf77; --bad: #ef6a63; --warn: #e0a243; --live: #6aa5f2; --off: #77808b; --undo: #b08ae6;
    --wait-ground: #3d3116; --wait-line: #e0a243; --wait-text: #f4dcae; --in-bar: #101317;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; overflow-wrap: anywhere; }
main { max-width: 1240px; margin: 0 auto; padding: 28px 28px 56px; }
h1 { font-size: 25px; line-height: 1.25; margin: 0 0 2px; font-weight: 650; }
h2 { font-size: 17px; margin: 34px 0 10px; font-weight: 650; }
code, pre, .mono { font-family: ui-monospace, "SF Mono", "Liberation Mono", Menlo, Consolas, monospace; font-size: 13px; }
a { color: var(--link); }
.muted { color: var(--muted); }
.top { display: flex; gap: 16px; align-items: flex-start; justify-content: space-between; flex-wrap: wrap; }
.pill { display: inline-block; border-radius: 4px; padding: 3px 10px; font-weight: 650; font-size: 14px; white-space: nowrap; color: var(--in-bar); background: var(--off); }
.pill.ok { background: var(--ok); } .pill.bad { background: var(--bad); } .pill.warn { background: var(--warn); } .pill.live { background: var(--live); }
.lead { font-size: 16px; margin: 12px 0 0; }
.note { border-left: 4px solid var(--off); background: var(--panel); padding: 10px 14px; margin: 16px 0 0; border-radius: 0 4px 4px 0; }
.note.bad { border-color: var(--bad); } .note.warn { border-color: var(--warn); }
.note p { margin: 0; } .evidence { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 6px 24px; margin: 10px 0; }
.evidence dt { color: var(--muted); font-size: 12.5px; } .evidence dd { margin: 0; } .note pre { background: var(--ground); }
.follows { margin: 8px 0 12px; padding-left: 22px; } .follows li { margin-bottom: 6px; } .follows code { display: block; overflow-wrap: anywhere; white-space: pre-wrap; }
.note p + p, .note p + pre, .note pre + p { margin-top: 6px; }
.facts { display: grid; grid-auto-flow: dense; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); gap: 10px 28px; margin: 20px 0 0; padding: 16px 0 0; border-top: 1px solid var(--line); }
.facts div { min-width: 0; }
.facts .wide { grid-column: span 2; } .facts .whole { grid-column: 1 / -1; }
.facts dt, th { color: var(--muted); font-size: 12.5px; font-weight: 500; }
.facts dd { margin: 0; }
.spent { display: flex; height: 10px; border-radius: 3px; overflow: hidden; margin: 18px 0 6px; background: var(--line); }
.spent span { display: block; } .spent .executing { background: var(--live); } .spent .waiting { background: var(--warn); } .spent .queued { background: var(--off); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 12.5px; color: var(--muted); margin-top: 8px; }
.legend span { display: inline-flex; align-items: center; gap: 6px; }
.legend i { width: 18px; height: 10px; border-radius: 2px; display: inline-block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; padding: 4px 14px 6px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: break-word; } td:last-child { overflow-wrap: anywhere; min-width: 140px; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.name { min-width: 200px; } td .id { display: block; color: var(--muted); font-size: 12.5px; }
tr.part td.name { padding-left: 18px; }
.state { white-space: nowrap; font-weight: 550; } .state::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%; margin-right: 7px; background: var(--off); }
.state.ok::before { background: var(--ok); } .state.bad::before { background: var(--bad); } .state.warn::before { background: var(--warn); } .state.live::before { background: var(--live); } .state.undo::before { background: var(--undo); }
.state.bad { color: var(--bad); }
details { border-bottom: 1px solid var(--line); } summary { cursor: pointer; padding: 7px 0; } details > *:not(summary) { margin: 0 0 12px 16px; }
pre { background: var(--panel); padding: 10px 12px; border-radius: 4px; margin: 0; white-space: pre-wrap; max-height: 480px; overflow: auto; }
footer { margin-top: 40px; color: var(--muted); font-size: 12.5px; border-top: 1px solid var(--line); padding-top: 10px; }
.timeline { display: block; max-width: none; font-size: 12px; }
.timeline text { fill: var(--text); } .timeline .idle { fill: var(--muted); }
.timeline .zebra { fill: var(--panel); } .timeline .grid { stroke: var(--line); }
.timeline .tick { fill: var(--muted); font-size: 11px; font-variant-numeric: tabular-nums; text-anchor: middle; } .timeline .tick.zone, .timeline .tick.first { text-anchor: start; }
.timeline .took { fill: var(--muted); font-size: 11px; } .timeline .took.before { text-anchor: end; }
.timeline .in-bar { fill: var(--in-bar); font-size: 11px; font-weight: 600; text-anchor: middle; }
.timeline .break { fill: var(--line); opacity: .45; } .timeline .zigzag { fill: none; stroke: var(--muted); stroke-width: 1.3; }
.timeline .group { fill: none; stroke: var(--muted); stroke-width: 1.3; }
.timeline .bar { fill: var(--off); } .timeline .succeeded { fill: var(--ok); } .timeline .failed, .timeline .timed-out { fill: var(--bad); }
.timeline .running { fill: var(--live); } .timeline .undo { fill: var(--undo); } .timeline .lost { fill: url(#hatch); stroke: var(--bad); }
.timeline .wait { fill: var(--wait-ground); stroke: var(--wait-line); } .timeline .on-wait { fill: var(--wait-text); } .timeline .on-lost { fill: var(--text); }
.timeline .wait-rejected { stroke: var(--bad); } .timeline .open { stroke-dasharray: 4 3; stroke: var(--text); }
.hatch-ground { fill: var(--ground); } .hatch-line { fill: var(--bad); opacity: .55; }
@media (max-width: 700px) {
  main { padding: 18px 14px 40px; } .facts .wide { grid-column: auto; }
  .rows thead, .rows td:empty { display: none; }
  .rows, .rows tbody, .rows tr, .rows td { display: block; }
  .rows tr { border-bottom: 1px solid var(--line); padding: 7px 0; } .rows tr.part { padding-left: 18px; }
  .rows td, .rows td.number, .rows tr.part td { border: 0; padding: 1px 0; text-align: left; white-space: normal; min-width: 0; overflow-wrap: anywhere; }
  .rows .state { white-space: normal; } .rows td[data-name]::before { content: attr(data-name) ": "; color: var(--muted); font-size: 12.5px; }
}
@media print {
  :root { --ground: #fff; --panel: #f3f4f6; --text: #000; --muted: #444; --line: #bbb; --link: #000; --ok: #2e7d4f; --bad: #c4312c; --warn: #b26a00; --live: #2563b8; --off: #8a929c; --undo: #7a4fb5; --wait-ground: #fbe9c6; --wait-line: #b26a00; --wait-text: #5c3a00; --in-bar: #fff; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; } h2 { break-after: avoid; } tr, .note, .timeline { break-inside: avoid; }
  .scroll { overflow: visible; } .timeline { width: 100%; height: auto; } pre { max-height: none; }
}
`.trim();
