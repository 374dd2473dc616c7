import {stringify} from 'yaml';

/** What this module needs of an action's declaration; `ActionSpec` of src/runner fits it. */
export interface DocumentedAction {
  readonly name: string;
  readonly description: string;
  readonly icon: string;
  readonly post?: boolean;
  readonly inputs: Readonly<Record<string, DocumentedInput>>;
  readonly outputs: Readonly<Record<string, string>>;
}

interface DocumentedInput {
  readonly kind: string;
  readonly doc: string;
  readonly default?: string;
  readonly expression?: string;
  readonly required: boolean;
  readonly options?: readonly string[];
  readonly example?: string;
}

/** The manifest that GitHub reads. */
export function renderActionYml(spec: DocumentedAction): string {
  const inputs = Object.fromEntries(
    Object.entries(spec.inputs).map(([name, input]) => {
      const preset = input.expression ?? input.default;
      return [
        name,
        {description: describe(input), required: input.required, ...(preset === undefined ? {} : {default: preset})},
      ];
    }),
  );
  const outputs = Object.fromEntries(Object.entries(spec.outputs).map(([name, description]) => [name, {description}]));
  const runs = {using: 'node24', main: 'dist/index.js', ...(spec.post ? {post: 'dist/index.js'} : {})};
  const manifest = {
    name: `Switchback ${spec.name}`,
    description: spec.description,
    author: 'Switchback',
    branding: {icon: spec.icon, color: 'blue'},
    inputs,
    outputs,
    runs,
  };
  return `# Generated from spec.ts by \`npm run docs\`; do not edit.\n${stringify(manifest, {lineWidth: 0})}`;
}

function describe(input: DocumentedInput): string {
  return input.options ? `${input.doc} One of: ${input.options.join(', ')}.` : input.doc;
}

export function renderInputs(spec: DocumentedAction): string {
  const rows = Object.entries(spec.inputs).map(([name, input]) => {
    const preset = input.expression ?? input.default;
    const type = input.options ? input.options.map((option) => `\`${option}\``).join(', ') : input.kind;
    return `| \`${name}\` | ${cellText(type)} | ${input.required && preset === undefined ? 'yes' : ''} | ${preset === undefined ? '' : `\`${preset}\``} | ${cellText(input.doc)}${input.example ? ` Example: \`${input.example}\`.` : ''} |`;
  });
  return ['| input | type | required | default | meaning |', '|---|---|---|---|---|', ...rows].join('\n');
}

export function renderOutputs(spec: DocumentedAction): string {
  const rows = Object.entries(spec.outputs).map(([name, doc]) => `| \`${name}\` | ${cellText(doc)} |`);
  return rows.length ? ['| output | meaning |', '|---|---|', ...rows].join('\n') : 'None.';
}

function cellText(text: string): string {
  return text.replace(/\|/g, '\\|').replace(/\s+/g, ' ');
}

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->`; a page without the markers is an error. */
export function fillBlock(page: string, name: string, content: string, file: string): string {
  const open = `<!-- ${name} -->`;
  const close = `<!-- /${name} -->`;
  const start = page.indexOf(open);
  const end = page.indexOf(close);
  if (start < 0 || end < start) throw new Error(`${file} lacks the markers ${open} and ${close}`);
  return `${page.slice(0, start + open.length)}\n${content}\n${page.slice(end)}`;
}
