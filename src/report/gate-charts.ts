import type {EvidenceRecord} from '../gate/record.js';
import {colors, evidencePlot, latencyPlot, type Plot, probeStrips, ratePlot, tellingChecks} from './gate-series.js';
import {cell, codeBlock, oneLine} from './text.js';

/**
 * Charts that a job summary really shows: GitHub draws Mermaid itself, in light and dark, without script or external
 * host of ours, while it strips inline SVG and `data:` images. The same plots go as SVG files beside the record.
 */

const stripWidth = 100;

/** Markdown with the charts of one gate; empty when there is nothing to draw. */
export function gateCharts(record: EvidenceRecord): string {
  const [worst] = tellingChecks(record, 1);
  const plots = [
    evidencePlot(record),
    worst ? ratePlot(record, worst) : undefined,
    worst ? latencyPlot(record, worst) : undefined,
  ];
  return [...plots.flatMap((plot) => (plot ? [chart(plot), ''] : [])), ...shares(record), strips(record), ''].join(
    '\n',
  );
}

function chart({title, xTitle, xFrom, xTo, yTitle, lines}: Plot): string {
  const values = lines.flatMap((line) => line.values);
  const low = Math.min(0, ...values);
  const high = Math.max(...values);
  const palette = lines.map((line) => line.color).join(', ');
  const body = [
    '```mermaid',
    `%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "${palette}"}}}}%%`,
    'xychart-beta',
    `  title "${word(title)}"`,
    `  x-axis "${word(xTitle)}" ${number(xFrom)} --> ${number(xTo > xFrom ? xTo : xFrom + 1)}`,
    `  y-axis "${word(yTitle)}" ${number(low)} --> ${number(high > low ? high : low + 1)}`,
    ...lines.map((line) => `  line [${line.values.map(number).join(', ')}]`),
    '```',
  ];
  const key = lines.map((line) => `${emblem[line.color] ?? '▪️'} ${cell(line.name, 60)}`).join(' · ');
  return `${body.join('\n')}\n\n${key}`;
}

/** Mermaid has no legend, and Markdown no colours: the key is told in emoji. */
const emblem: Readonly<Record<string, string>> = {
  [colors.against]: '🟥',
  [colors.for]: '🟩',
  [colors.limit]: '⬜',
  [colors.new]: '🟦',
  [colors.old]: '🟨',
};

/** Who spoke: the share of each check in the evidence against the release, when there is any. */
function shares(record: EvidenceRecord): string[] {
  const speakers = [...record.checks]
    .filter((check) => check.share_of_overall >= 0.01)
    .sort((a, b) => b.share_of_overall - a.share_of_overall)
    .slice(0, 12);
  if (record.overall.log10_evidence < 0.3 || speakers.length < 2) return [];
  const rows = speakers.map(
    (check) =>
      `${oneLine(check.id, 30).padEnd(30)} ${'█'.repeat(Math.max(1, Math.round(40 * check.share_of_overall)))} ${(100 * check.share_of_overall).toFixed(0)} %`,
  );
  return ['Share of the evidence against the release:', '', codeBlock(rows.join('\n')), ''];
}

function strips(record: EvidenceRecord): string {
  const rows = tellingChecks(record, 12).flatMap((check) => {
    const {candidate, baseline} = probeStrips(check, stripWidth);
    const name = oneLine(check.id, 24).padEnd(25);
    return [`${name}${candidate}`, ...(baseline === undefined ? [] : [`${'  previous'.padEnd(25)}${baseline}`])];
  });
  if (rows.length === 0) return '';
  return `Probes in order (· fine, ▵ slower than before, ▴ over the limit, █ failed, … warm-up, ? not the product's answer):\n\n${codeBlock(rows.join('\n'), 8_000)}`;
}

/** Text inside Mermaid's quotes. */
function word(text: string): string {
  return oneLine(text, 60).replace(/[^\p{L}\p{N} .,()/:%-]/gu, ' ');
}

function number(value: number): string {
  return String(Number.isFinite(value) ? Number(value.toPrecision(4)) : 0);
}
