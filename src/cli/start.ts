import {type CommandEntry, commands} from './commands.js';
import {exitCodeLine} from './exit-codes.js';

/**
 * The first thing the terminal command loads. `--help` is answered from here, so that it costs hardly more than Node's
 * own start; everything else loads the command line library and the one command that was typed.
 * @param argv without node and script.
 * @returns the exit code. It never rejects.
 */
export async function start(argv: readonly string[]): Promise<number> {
  if (argv.length === 0 || (argv.length === 1 && ['--help', '-h', 'help'].includes(argv[0]!))) {
    process.stdout.write(overview());
    return 0;
  }
  const {main} = await import('./main.js');
  return main(argv);
}

/** `switchback --help`: names and one line each. */
export function overview(list: readonly CommandEntry[] = commands): string {
  const wide = Math.max(...list.map(({name}) => name.length));
  return `Usage: switchback <command> [flags]

Ships a product to Vercel and Railway, and can always bring it back.

Commands
${list.map(({name, about}) => `  ${name.padEnd(wide)}  ${about}`).join('\n')}

  switchback <command> --help   its flags, secrets and examples
  switchback --version          the version

Secrets are never flags: they come from the environment (VERCEL_TOKEN, RAILWAY_TOKEN, DATABASE_URL, …) or --env-file.
${exitCodeLine()}
`;
}
