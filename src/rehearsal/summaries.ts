import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {WorkflowResult} from './engine/engine.js';

/** Writes the job summaries of one run as GitHub shows them below each other, a file for each run. */
export async function keepSummaries(folder: string, name: string, {jobs}: WorkflowResult): Promise<void> {
  const parts = Object.entries(jobs).flatMap(([job, {summary}]) =>
    summary.trim() ? [`<!-- job: ${job} -->\n\n${summary.trim()}\n`] : [],
  );
  await mkdir(folder, {recursive: true});
  await writeFile(join(folder, `${name}.md`), parts.join('\n'));
}
