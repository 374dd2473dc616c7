import {stripVTControlCharacters, styleText} from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Where a command writes. Secrets that were registered are replaced by `***` in everything. */
export interface Console {
  /** Progress: stdout, or stderr when stdout carries JSON. */
  line(text: string): void;
  /** Something the reader must not miss: always stderr. */
  alert(level: 'notice' | 'warning' | 'error', text: string): void;
  /** The result of the command, on stdout; nothing else ever goes there with `--json`. */
  result(text: string): void;
  /** Shows on a terminal that `title` goes on; elsewhere one line. */
  during<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** The same on a terminal; elsewhere nothing, for work whose heading stands above it. */
  live<T>(title: string, work: () => Promise<T>): Promise<T>;
  heading(text: string): void;
  hide(form: string): void;
}

interface Stream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface ConsoleOptions {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly json: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** NO_COLOR and FORCE_COLOR decide before the terminal does. */
export function usesColor(stream: Stream, env: ConsoleOptions['env']): boolean {
  if (env['NO_COLOR']) return false;
  return env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '0'
    ? true
    : stream.isTTY === true && env['TERM'] !== 'dumb';
}

export function openConsole({stdout, stderr, json, env}: ConsoleOptions): Console {
  const progress = json ? stderr : stdout;
  const secrets: string[] = [];
  const hidden = (text: string) => secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
  const styled = (stream: Stream, style: Style, text: string) =>
    usesColor(stream, env) ? styleText(style, text, {validateStream: false}) : stripVTControlCharacters(text);
  const live = liveLine(progress, env);
  const write = (stream: Stream, text: string) => live.around(() => stream.write(`${hidden(text)}\n`));
  return {
    line: (text) => write(progress, text),
    heading: (text) => write(progress, styled(progress, 'bold', text)),
    result: (text) => write(stdout, text),
    alert: (level, text) =>
      write(stderr, styled(stderr, {notice: 'cyan', warning: 'yellow', error: 'red'}[level] as Style, text)),
    hide: (form) => {
      if (secrets.includes(form)) return;
      secrets.push(form);
      // The longest first: a password inside a URL must not leave the rest of the URL behind.
      secrets.sort((a, b) => b.length - a.length);
    },
    live: (title, work) => live.show(hidden(title), work),
    during: async (title, work) => {
      if (!live.able) write(progress, title);
      return live.show(hidden(title), work);
    },
  };
}

/** The one line at the bottom of a terminal that is drawn again each second. */
function liveLine(stream: Stream, env: ConsoleOptions['env']) {
  const able = stream.isTTY === true && env['TERM'] !== 'dumb' && !env['CI'];
  let current: {title: string; startedMs: number} | undefined;
  const draw = () => {
    if (!current) return;
    const seconds = Math.round((Date.now() - current.startedMs) / 1000);
    const text = `⋯ ${current.title}  ${seconds} s`;
    stream.write(`\r\x1b[2K${usesColor(stream, env) ? styleText('dim', text, {validateStream: false}) : text}`);
  };
  const clear = () => current && stream.write('\r\x1b[2K');
  return {
    able,
    around: (write: () => void) => {
      if (able) clear();
      write();
      if (able) draw();
    },
    show: async <T>(title: string, work: () => Promise<T>): Promise<T> => {
      if (!able) return work();
      const outer = current;
      current = {title, startedMs: Date.now()};
      draw();
      const timer = setInterval(draw, 1000);
      timer.unref();
      try {
        return await work();
      } finally {
        clearInterval(timer);
        clear();
        current = outer;
      }
    },
  };
}
