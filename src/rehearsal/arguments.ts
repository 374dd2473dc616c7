import {parseArgs} from 'node:util';
import {type Problem, refusal} from '../kernel/errors.js';
import {type ProductName, productNames} from './product/kind.js';
import type {Fault, FaultKind} from './stand-in.js';

export interface RehearsalArguments {
  readonly scenarios: readonly string[];
  readonly list: boolean;
  readonly help: boolean;
  readonly json: boolean;
  readonly keep: boolean;
  /** Look for every secret in everything that the runs say, write, send and start. */
  readonly canary: boolean;
  readonly seed: number;
  readonly engine: EngineName | 'both';
  /** Releases to disturb at random instead of playing scenarios; 0 for none. */
  readonly chaos: number;
  readonly product: ProductName;
  /** Folder for the job summaries of all runs. */
  readonly summaries?: string;
  readonly faults: ReadonlyArray<{readonly standIn: StandInName; readonly fault: Fault}>;
}

export type EngineName = 'embedded' | 'act';

export const standInNames = ['vercel', 'railway', 'github', 's3'] as const;
export type StandInName = (typeof standInNames)[number];

export const defaultScenarios = ['good', 'bad-after-promotion', 'backup'];
const defaultsOf: Readonly<Record<ProductName, readonly string[]>> = {
  shop: defaultScenarios,
  'next-flask': ['good', 'bad-frontend', 'bad-tenant-isolation'],
};

export const helpText = (
  names: ReadonlyArray<readonly [name: string, about: string]>,
) => `Rehearses Switchback on this machine: the real workflow files and bundles against local stand-ins and a real PostgreSQL.

Usage: npm run rehearse [-- options]

  --scenario NAMES    one or more, separated by commas, or "all" (default: ${defaultScenarios.join(',')})
  --list              name the scenarios and stop
  --json              one JSON object a line instead of the timeline
  --fault WHERE=WHAT  play a fault, may be repeated; WHERE is STANDIN:METHOD /path (with *) or STANDIN:operation,
                      WHAT is 429, 500, 502, 503, 401, delay:MS, close-before or close-after, with xN for N times.
                      Example: --fault "vercel:POST /v10/projects/*/promote/*=503x2"
  --chaos N           disturb N whole releases at random (faults, lost answers, signals, lost runners, cancels), let an
                      ordinary next run follow each, and check from outside; each prints the seed that repeats it alone
  --seed N            seed of everything random (default: today's, printed)
  --engine NAME       embedded (default), act, or both: every scenario on each, which must end alike
  --product NAME      shop (default): a page and a Node service, at once; next-flask: Next.js and Flask, which are
                      installed and built first (Python 3.10 and the registries are needed once)
  --summaries FOLDER  write the job summaries of every run there, as Markdown
  --keep              leave the world running after the last scenario, until Ctrl-C
  --canary            look for every secret in all that the runs say, write, send and start; each find fails
  --help              this text

Scenarios
${names.map(([name, about]) => `  ${name.padEnd(22)}${about}`).join('\n')}

Exit code 0 only when every outcome was the expected one, checked from outside; 1 otherwise; 2 for wrong usage.
`;

/** @throws refusal USAGE with every problem in one message. */
export function readArguments(
  argv: readonly string[],
  knownOf: (product: ProductName) => readonly string[],
): RehearsalArguments {
  const problems: Problem[] = [];
  let values: Record<string, unknown> = {};
  try {
    values = parseArgs({
      args: [...argv],
      options: {
        scenario: {type: 'string', multiple: true},
        list: {type: 'boolean'},
        help: {type: 'boolean', short: 'h'},
        json: {type: 'boolean'},
        keep: {type: 'boolean'},
        canary: {type: 'boolean'},
        seed: {type: 'string'},
        engine: {type: 'string'},
        product: {type: 'string'},
        summaries: {type: 'string'},
        fault: {type: 'string', multiple: true},
        chaos: {type: 'string'},
      },
    }).values;
  } catch (error) {
    problems.push({where: 'command line', what: (error as Error).message.split('. ')[0]!, remedy: 'See --help'});
  }
  const named = (values['product'] as string | undefined) ?? 'shop';
  const product = productNames.find((name) => name === named) ?? 'shop';
  if (product !== named)
    problems.push({
      where: '--product',
      what: `"${named}" is not a product`,
      remedy: `Choose ${productNames.join(' or ')}`,
    });
  const known = knownOf(product);
  const asked = ((values['scenario'] as string[] | undefined) ?? defaultsOf[product])
    .flatMap((text) => text.split(','))
    .map((name) => name.trim())
    .filter(Boolean);
  const scenarios = asked.includes('all') ? [...known] : asked;
  for (const name of scenarios)
    if (!known.includes(name))
      problems.push({
        where: '--scenario',
        what: `"${name}" is not a scenario${product === 'shop' ? '' : ` of the product ${product}`}`,
        remedy: `Choose from ${known.join(', ')}`,
      });
  const seed = values['seed'] === undefined ? Math.floor(Date.now() / 86_400_000) : Number(values['seed']);
  if (!Number.isSafeInteger(seed))
    problems.push({where: '--seed', what: 'is not a whole number', remedy: 'Write digits only'});
  const engine = (values['engine'] as string | undefined) ?? 'embedded';
  if (!['embedded', 'act', 'both'].includes(engine))
    problems.push({where: '--engine', what: `"${engine}" is not an engine`, remedy: 'Choose embedded, act or both'});
  if (values['canary'] && engine !== 'embedded')
    problems.push({where: '--canary', what: 'needs output that is not masked yet', remedy: 'Leave --engine away'});
  const chaos = values['chaos'] === undefined ? 0 : Number(values['chaos']);
  if (values['chaos'] !== undefined && !(Number.isSafeInteger(chaos) && chaos > 0))
    problems.push({where: '--chaos', what: 'is not a number of releases', remedy: 'Write a whole number from 1 on'});
  if (chaos && (engine !== 'embedded' || values['canary'] || values['scenario'] || values['fault']))
    problems.push({
      where: '--chaos',
      what: 'cannot be joined with another engine, --canary, --scenario or --fault',
      remedy: 'Its seed decides what is played and what goes wrong; leave the others out',
    });
  const faults = ((values['fault'] as string[] | undefined) ?? []).flatMap((text) => {
    const fault = parseFault(text);
    if (!fault)
      problems.push({
        where: '--fault',
        what: `"${text}" is not a fault`,
        remedy: 'Write it like vercel:POST /v10/projects/*/promote/*=503x2',
      });
    return fault ? [fault] : [];
  });
  if (problems.length) throw refusal('USAGE', 'The command line was', problems);
  return {
    scenarios,
    list: values['list'] === true,
    help: values['help'] === true,
    json: values['json'] === true,
    keep: values['keep'] === true,
    canary: values['canary'] === true,
    seed,
    engine: engine as RehearsalArguments['engine'],
    chaos,
    product,
    ...(typeof values['summaries'] === 'string' && {summaries: values['summaries']}),
    faults,
  };
}

function parseFault(text: string): {standIn: StandInName; fault: Fault} | undefined {
  const match = /^(vercel|railway|github|s3):(.+)=([a-z0-9:-]+?)(?:x(\d+))?$/.exec(text);
  const kind = match && parseFaultKind(match[3]!);
  return match && kind
    ? {standIn: match[1] as StandInName, fault: {route: match[2]!, fault: kind, times: Number(match[4] ?? 1)}}
    : undefined;
}

function parseFaultKind(text: string): FaultKind | undefined {
  if (text === 'close-before' || text === 'close-after') return {kind: text};
  if (/^delay:\d+$/.test(text)) return {kind: 'delay', ms: Number(text.slice(6))};
  if (!/^[45]\d\d$/.test(text)) return undefined;
  const status = Number(text);
  return {
    kind: 'status',
    status,
    ...(status === 429 && {headers: {'retry-after': '1'}}),
    body: status === 502 ? '<html>Bad gateway</html>' : '',
  };
}
