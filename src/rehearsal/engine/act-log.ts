import type {Conclusion, StepResult} from './contract.js';
import type {Journal} from './journal.js';

/** One line of `act --json`, as far as it is used. */
interface ActLine {
  readonly job?: string;
  readonly jobID?: string;
  readonly matrix?: Readonly<Record<string, unknown>>;
  readonly msg?: string;
  readonly stage?: 'Pre' | 'Main' | 'Post';
  readonly step?: string;
  readonly stepID?: readonly string[];
  readonly raw_output?: boolean;
  readonly stepResult?: Conclusion;
  readonly jobResult?: Conclusion;
  readonly executionTime?: number;
  readonly command?: string;
  readonly name?: string;
  readonly arg?: string;
  readonly content?: string;
  readonly level?: string;
}

/** What the log of act says about one job (or one leg of a matrix). */
export interface ActJob {
  result: Conclusion | undefined;
  readonly startedMs: number;
  readonly steps: StepResult[];
  readonly summaries: string[];
}

/** Reads the log of act line by line: into jobs by key, and into the same events that the embedded engine tells. */
export interface ActLog {
  readonly jobs: ReadonlyMap<string, ActJob>;
  /** Lines that were not JSON or belonged to no job: how act itself failed. */
  readonly notes: readonly string[];
  line(text: string): void;
}

export function openActLog(
  journal: Journal,
  keyOf: (line: {job: string; id: string; matrix: Readonly<Record<string, unknown>>}) => string | undefined,
): ActLog {
  const jobs = new Map<string, ActJob>();
  const notes: string[] = [];
  const outputs = new Map<string, Record<string, string>>();
  const jobAt = (key: string, name: string): ActJob => {
    const known = jobs.get(key);
    if (known) return known;
    const fresh: ActJob = {result: undefined, startedMs: Date.now(), steps: [], summaries: []};
    jobs.set(key, fresh);
    journal.tell({type: 'job-started', job: key, name, permissions: {}});
    return fresh;
  };
  const read = (line: ActLine, key: string) => {
    const job = jobAt(key, (line.job ?? key).trim().replace(/^[^/]*\//, ''));
    const step = stepKey(line);
    if (line.raw_output) journal.log(key, step, cleaned(line.msg ?? ''));
    else if (line.command === 'set-output') keepOutput(line, key, step);
    else if (line.command === 'summary') keepSummary(job, line, key, step);
    else if (line.command === 'add-mask' && line.arg) journal.masker.add(line.arg);
    else if (line.level === 'error') journal.log(key, step, `##[error]${line.msg ?? ''}`);
    if (line.msg?.startsWith('⭐ Run ') && line.stage && line.stepID?.length === 1)
      journal.tell({type: 'step-started', job: key, step, name: nameOf(line)});
    if (line.stepResult && line.stage && line.stepID?.length === 1) endStep(job, line, key, step);
    if (line.jobResult) endJob(job, key, line.jobResult);
  };
  // Outputs are only known when the whole run has ended.
  const endJob = (job: ActJob, key: string, result: Conclusion) => {
    job.result = result;
    journal.tell({type: 'job-finished', job: key, result, outputs: {}, ms: Date.now() - job.startedMs});
  };
  const keepOutput = (line: ActLine, key: string, step: string) => {
    const name = line.name ?? '';
    const value = journal.masker.mask(line.arg ?? '');
    if (line.stepID?.length !== 1) return;
    outputs.set(`${key} ${step}`, {...outputs.get(`${key} ${step}`), [name]: value});
    journal.tell({type: 'output', job: key, step, name, value});
  };
  const keepSummary = (job: ActJob, line: ActLine, key: string, step: string) => {
    const text = journal.masker.mask(line.content ?? '');
    job.summaries.push(text);
    journal.tell({type: 'summary', job: key, step, text});
  };
  const endStep = (job: ActJob, line: ActLine, key: string, step: string) => {
    const end = {
      name: nameOf(line),
      outcome: line.stepResult!,
      conclusion: line.stepResult!,
      ms: Math.round((line.executionTime ?? 0) / 1e6),
    };
    const id = line.stage === 'Main' && !/^\d+$/.test(line.stepID![0]!) ? line.stepID![0]! : '';
    // Outputs are logged after the result: the object is filled until the job ends.
    const filled = outputs.get(`${key} ${step}`) ?? {};
    outputs.set(`${key} ${step}`, filled);
    job.steps.push({
      id,
      ...end,
      get outputs() {
        return outputs.get(`${key} ${step}`) ?? {};
      },
      annotations: [],
    });
    journal.tell({type: 'step-finished', job: key, step, ...end});
  };
  return {
    jobs,
    notes,
    line: (text) => {
      const line = parse(text);
      const key = line?.jobID
        ? keyOf({job: (line.job ?? '').trim(), id: line.jobID, matrix: line.matrix ?? {}})
        : undefined;
      if (line && key) read(line, key);
      else if (line?.jobID === undefined) notes.push(journal.masker.mask(line?.msg ?? text));
    },
  };
}

function parse(text: string): ActLine | undefined {
  try {
    return JSON.parse(text) as ActLine;
  } catch {
    return undefined;
  }
}

function stepKey(line: ActLine): string {
  const id = line.stepID?.[0];
  if (id === undefined) return '';
  const key = /^\d+$/.test(id) ? `#${Number(id) + 1}` : id;
  return line.stage === 'Main' ? key : `${key}:${(line.stage ?? '').toLowerCase()}`;
}

function nameOf(line: ActLine): string {
  return line.stage === 'Main' ? (line.step ?? '') : `${line.stage} ${line.step ?? ''}`;
}

/** act gives steps a terminal, and some programs paint for it. */
function cleaned(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences are what is removed
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replace(/\r?\n$/, '');
}
