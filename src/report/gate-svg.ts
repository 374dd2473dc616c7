import type {EvidenceRecord} from '../gate/record.js';
import {evidencePlot, latencyPlot, type Plot, ratePlot, tellingChecks} from './gate-series.js';
import {oneLine} from './text.js';

const width = 860;
const plotHeight = 240;
const left = 70;
const right = 20;
const top = 46;
const bottom = 44;

/**
 * The plots of a gate as one SVG file: no script, no external font or host, light and dark by the reader's setting.
 * Goes beside the evidence record as an artifact, and opens in any browser.
 */
export function gateSvg(record: EvidenceRecord): string {
  const plots: Plot[] = [
    evidencePlot(record),
    ...tellingChecks(record, 4).flatMap((check) => [ratePlot(record, check), latencyPlot(record, check)]),
  ].filter((plot) => plot !== undefined);
  const height = 70 + plots.length * (plotHeight + top + bottom);
  const style =
    'svg{background:#fff;color:#1f2328;font:13px system-ui,sans-serif}.axis,.grid{stroke:#d0d7de}@media(prefers-color-scheme:dark){svg{background:#0d1117;color:#e6edf3}.axis,.grid{stroke:#30363d}}text{fill:currentColor}path{fill:none;stroke-width:2}.title{font-weight:600;font-size:15px}';
  const body = plots
    .map((plot, i) => `<g transform="translate(0 ${70 + i * (plotHeight + top + bottom)})">${draw(plot)}</g>`)
    .join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(record.sentence)}"><style>${style}</style>${sentence(record.sentence)}${body}</svg>\n`;
}

function sentence(text: string): string {
  const words = oneLine(text, 400).split(' ');
  const rows: string[] = [''];
  for (const word of words) {
    if (`${rows.at(-1)} ${word}`.length > 112) rows.push('');
    rows[rows.length - 1] = `${rows.at(-1)} ${word}`.trim();
  }
  return rows
    .slice(0, 4)
    .map((row, i) => `<text x="16" y="${20 + 16 * i}">${escapeXml(row)}</text>`)
    .join('');
}

function draw(plot: Plot): string {
  const values = plot.lines.flatMap((line) => line.values);
  const low = Math.min(0, ...values);
  const high = Math.max(low + 1e-9, ...values);
  const x = (share: number) => left + share * (width - left - right);
  const y = (value: number) => top + plotHeight - ((value - low) / (high - low)) * plotHeight;
  const span = plot.xTo - plot.xFrom || 1;
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const value = low + share * (high - low);
    return `<line class="grid" x1="${left}" x2="${width - right}" y1="${at(y(value))}" y2="${at(y(value))}"/><text x="${left - 8}" y="${at(y(value) + 4)}" text-anchor="end">${figure(value)}</text><text x="${at(x(share))}" y="${top + plotHeight + 18}" text-anchor="middle">${figure(plot.xFrom + share * span)}</text>`;
  });
  const lines = plot.lines.map(
    (line) =>
      `<path stroke="${line.color}"${line.dashed ? ' stroke-dasharray="6 4"' : ''} d="${line.values.map((value, i) => `${i ? 'L' : 'M'}${at(x(line.values.length > 1 ? i / (line.values.length - 1) : 0))} ${at(y(value))}`).join('')}"><title>${escapeXml(line.name)}</title></path>`,
  );
  const ticks = (plot.ticks ?? []).map(
    (tick) =>
      `<line stroke="#d1242f" x1="${at(x((tick - plot.xFrom) / span))}" x2="${at(x((tick - plot.xFrom) / span))}" y1="${top + plotHeight - 8}" y2="${top + plotHeight}"/>`,
  );
  const key = plot.lines.map(
    (line, i) =>
      `<g transform="translate(${left + i * 155} ${top + plotHeight + 36})"><rect width="10" height="10" y="-9" fill="${line.color}"/><text x="15">${escapeXml(oneLine(line.name, 24))}</text></g>`,
  );
  return `<text class="title" x="${left}" y="18">${escapeXml(plot.title)}</text><text x="${left}" y="36">${escapeXml(plot.yTitle)} over ${escapeXml(plot.xTitle)}</text>${grid.join('')}${lines.join('')}${ticks.join('')}${key.join('')}`;
}

function at(position: number): string {
  return position.toFixed(1);
}

function figure(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function escapeXml(text: string): string {
  return oneLine(text, 500).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
