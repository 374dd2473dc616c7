import {type Problem, refusal} from '../kernel/errors.js';
import {oneLine} from '../kernel/text.js';
import type {ActionSpec, Field, Inputs} from './spec.js';

/** Words so common that masking them would blank out the log and drop outputs; also refused as secrets: too weak. */
const commonWords = new Set([
  'true',
  'false',
  'main',
  'master',
  'production',
  'staging',
  'preview',
  'secret',
  'token',
  'password',
  'admin',
  'test',
  'null',
  'none',
  'undefined',
  'switchback',
  'postgres',
  'railway',
  'vercel',
]);

/** The environment name under which the runner passes an input: upper case, spaces to `_`, hyphens kept. */
export function inputVariable(name: string): string {
  return `INPUT_${name.replace(/ /g, '_').toUpperCase()}`;
}

/**
 * Reads and checks every input before anything else happens.
 * @param read the raw text of one input, undefined or empty when not given.
 * @returns the typed values, and every secret among them for masking.
 * @throws refusal INPUT with all problems in one message; a secret's value is never quoted.
 */
export function parseInputs<S extends ActionSpec>(
  spec: S,
  read: (name: string) => string | undefined,
): {inputs: Inputs<S>; secrets: string[]} {
  const problems: Problem[] = [];
  const values: Record<string, unknown> = {};
  const secrets: string[] = [];
  for (const [name, field] of Object.entries(spec.inputs)) {
    const given = read(name)?.trim() ?? '';
    const raw = given === '' ? (field.default ?? '') : given;
    if (field.secret && given !== '') secrets.push(given);
    if (raw === '') {
      if (field.required)
        problems.push({where: `input \`${name}\``, what: 'is missing', remedy: missingRemedy(name, field)});
      values[name] = undefined;
      continue;
    }
    const weak = field.secret ? weakness(raw) : undefined;
    if (weak) {
      problems.push({where: `input \`${name}\``, what: weak, remedy: 'Store the real value as a secret and pass that'});
      continue;
    }
    const parsed = field.parse(raw);
    if ('value' in parsed) {
      values[name] = parsed.value;
      secrets.push(...(field.secretsIn?.(parsed.value) ?? []));
    } else
      problems.push({
        where: `input \`${name}\``,
        what: field.secret ? parsed.wrong : `${quote(raw)} ${parsed.wrong}`,
        remedy: parsed.remedy,
      });
  }
  if (problems.length) throw Object.assign(refusal('INPUT', `The inputs of ${spec.name} were`, problems), {secrets});
  return {inputs: values as Inputs<S>, secrets};
}

function weakness(value: string): string | undefined {
  if (value.length < 4) return 'is shorter than four characters, so it cannot be a real secret';
  if (commonWords.has(value.toLowerCase())) return 'is a common word, so it cannot be a real secret';
  return undefined;
}

function missingRemedy(name: string, field: Field<unknown>): string {
  if (field.secret)
    return `Pass it in \`with:\`, such as \`${name}: \${{ secrets.${name.replace(/-/g, '_').toUpperCase()} }}\``;
  return field.example ? `Pass it in \`with:\`, such as \`${name}: ${field.example}\`` : `Pass it in \`with:\``;
}

function quote(raw: string): string {
  return `"${oneLine(raw, 60)}"`;
}
