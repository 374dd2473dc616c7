import {isMap, parseDocument} from 'yaml';
import type {JobResult} from './contract.js';

/**
 * What GitHub does after a cancel or a lost runner and act does not: the other jobs go on. act starts no step after
 * Ctrl-C, and as one process it takes all jobs with it when it dies. So a second call of act runs what is left, with
 * the jobs that ended before it replaced by their results.
 */

/** How a run was disturbed, and which jobs it met. */
export interface Disturbance {
  readonly kind: 'cancel' | 'lost-runner';
  /** Jobs that were at work. */
  readonly jobs: ReadonlySet<string>;
}

/** The copy of a workflow in which the jobs of `ends` only repeat how they ended. */
export function continuedCopy(text: string, ends: ReadonlyMap<string, JobResult>, kind: Disturbance['kind']): string {
  const document = parseDocument(text);
  const jobs = document.get('jobs');
  if (!isMap(jobs)) return text;
  for (const id of jobs.items.map((pair) => String(pair.key))) {
    const end = ends.get(id);
    if (end) document.setIn(['jobs', id], document.createNode(repeated(end)));
    else if (kind === 'cancel')
      document.setIn(['jobs', id, 'if'], whenCancelled(document.getIn(['jobs', id, 'if']) as string | undefined));
  }
  return document.toString({lineWidth: 0});
}

function repeated({result, outputs}: JobResult): object {
  const literal = Object.entries(outputs).map(([name, value]) => [name, value.replaceAll('${{', "${{ '${{' }}")]);
  return {
    'runs-on': 'ubuntu-latest',
    ...(result === 'skipped' && {if: 'false'}),
    outputs: Object.fromEntries(literal),
    steps: [{run: result === 'success' ? 'true' : 'exit 1', shell: 'bash'}],
  };
}

/** A job's condition as it reads in a cancelled run; without a status function it is `success() && …`. */
function whenCancelled(condition: string | boolean | undefined): string {
  const text = String(condition ?? '').replace(/^\s*\$\{\{(.*)\}\}\s*$/s, '$1');
  if (!/\b(always|cancelled|failure)\s*\(/i.test(text)) return 'false';
  // always() keeps act from putting its own success() around it.
  return `always() && (${text.replace(/\bcancelled\s*\(\s*\)/gi, 'true').replace(/\bsuccess\s*\(\s*\)/gi, 'false')})`;
}
