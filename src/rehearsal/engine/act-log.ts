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
  /** By step key. */
  readonly outputs: Map<string, Record<string, string>>;
}

type KeyOf = (line: {job: string; id: string; matrix: Readonly<Record<string, unknown>>}) => string | undefined;

/** Reads the log of act line by line: into jobs by key, and into the same events that the embedded engine tells. */
export class ActLog {
  readonly jobs = new Map<string, ActJob>();
  /** Lines that were not JSON or belonged to no job: how act itself failed. */
  readonly notes: string[] = [];

  /** @param keyOf the key of a job as the result names it; undefined for lines that are not to be shown. */
  constructor(
    private readonly journal: Journal,
    private readonly keyOf: KeyOf,
  ) {}

  line(text: string): void {
    const line = parse(text);
    if (line?.jobID === undefined) {
      this.notes.push(this.journal.masker.mask(line?.msg ?? text));
      return;
    }
    const key = this.keyOf({job: (line.job ?? '').trim(), id: line.jobID, matrix: line.matrix ?? {}});
    if (key !== undefined) this.read(line, key, stepKey(line));
  }

  private read(line: ActLine, key: string, step: string): void {
    const job = this.jobAt(key, line);
    this.readText(line, key, step);
    if (line.command === 'summary') this.keepSummary(job, line, key, step);
    if (line.jobResult) this.endJob(job, key, line.jobResult);
    // What happens inside a composite belongs to the outer step.
    if (!line.stage || line.stepID?.length !== 1) return;
    if (line.msg?.startsWith('⭐ Run ')) this.journal.tell({type: 'step-started', job: key, step, name: nameOf(line)});
    if (line.command === 'set-output') this.keepOutput(job, line, key, step);
    if (line.stepResult) this.endStep(job, line, key, step);
  }

  private readText(line: ActLine, key: string, step: string): void {
    if (line.raw_output) this.journal.log(key, step, cleaned(line.msg ?? ''));
    else if (line.command === 'add-mask' && line.arg) this.journal.masker.add(line.arg);
    else if (line.level === 'error' || line.level === 'warning')
      this.journal.log(key, step, `##[${line.level}]${line.msg ?? ''}`);
  }

  private jobAt(key: string, line: ActLine): ActJob {
    const known = this.jobs.get(key);
    if (known) return known;
    const fresh: ActJob = {result: undefined, startedMs: Date.now(), steps: [], summaries: [], outputs: new Map()};
    this.jobs.set(key, fresh);
    const name = (line.job ?? key).trim().replace(/^[^/]*\//, '');
    this.journal.tell({type: 'job-started', job: key, name, permissions: {}});
    return fresh;
  }

  // Outputs of jobs are only known when the whole run has ended.
  private endJob(job: ActJob, key: string, result: Conclusion): void {
    job.result = result;
    this.journal.tell({type: 'job-finished', job: key, result, outputs: {}, ms: Date.now() - job.startedMs});
  }

  private keepOutput(job: ActJob, line: ActLine, key: string, step: string): void {
    const name = line.name ?? '';
    const value = this.journal.masker.mask(line.arg ?? '');
    outputsOf(job, step)[name] = value;
    this.journal.tell({type: 'output', job: key, step, name, value});
  }

  private keepSummary(job: ActJob, line: ActLine, key: string, step: string): void {
    const text = this.journal.masker.mask(line.content ?? '');
    job.summaries.push(text);
    this.journal.tell({type: 'summary', job: key, step, text});
  }

  private endStep(job: ActJob, line: ActLine, key: string, step: string): void {
    const result = line.stepResult!;
    const ms = Math.round((line.executionTime ?? 0) / 1e6);
    const end = {name: nameOf(line), outcome: result, conclusion: result, ms};
    const given = line.stage === 'Main' && !/^\d+$/.test(line.stepID![0]!);
    // Outputs are logged after the result: the object is filled until the job ends.
    job.steps.push({id: given ? line.stepID![0]! : '', ...end, outputs: outputsOf(job, step), annotations: []});
    this.journal.tell({type: 'step-finished', job: key, step, ...end});
  }
}

function outputsOf(job: ActJob, step: string): Record<string, string> {
  const outputs = job.outputs.get(step) ?? {};
  job.outputs.set(step, outputs);
  return outputs;
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
