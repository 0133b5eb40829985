/** docs/cli.md, from the command line as data. */
import { EXIT } from '../../apps/cli/dist/exit-code.js';
import { buildProgram } from '../../apps/cli/dist/program.js';
import { code, generatedFrom, prose, table } from './markdown.mjs';

const EXIT_TEXTS = {
  done: 'Done. Also when the content was loaded already and nothing had to be stored.',
  failed:
    'Failed, and nothing is loaded; of several files, those before the fault stay, and the report names them. For `cancel`: the job had ended or was committed before.',
  usage: 'Usage or configuration; neither source nor target was read.',
  loadedWithRejects: 'Loaded, but some records were rejected.',
  inDoubt:
    'The outcome is unknown: COMMIT was sent and its answer lost. Run the same command again. For `submit --wait` and `cancel`: the job has not ended yet.',
  interrupted:
    'Interrupted and rolled back. For `submit --wait`: no longer waiting; the job goes on.',
};
/** Options without a heading of their own in the help. */
const MAIN_GROUP = '';

export function cliPage() {
  const program = buildProgram('');
  const common = commonOptions(program.commands);
  return [
    generatedFrom('apps/cli/src'),
    '# The command line',
    `${program.description()} Results go to stdout, everything else to stderr. \`copyline --help\` and \`copyline <command> --help\` say the same as this page.`,
    ...program.commands.flatMap((command) => commandSection(command, common)),
    '## Flags of every command',
    optionTable(common.values()),
    '## Exit codes',
    table(['Code', 'Meaning'], exitRows()),
  ].join('\n\n');
}

function commandSection(command, common) {
  const groups = new Map();
  for (const option of command.options) {
    if (common.has(option.flags) || option.hidden) continue;
    const group = option.helpGroupHeading ?? MAIN_GROUP;
    groups.set(group, [...(groups.get(group) ?? []), option]);
  }
  return [
    `## copyline ${command.name()}`,
    sentence(command.description()),
    `\`\`\`\ncopyline ${command.name()} ${command.usage()}\n\`\`\``,
    ...argumentTable(command),
    ...[...groups].flatMap(([group, options]) => [
      ...(group === MAIN_GROUP ? [] : [`**${group.replace(/:$/, '')}**`]),
      optionTable(options),
    ]),
  ];
}

function argumentTable(command) {
  const args = command.registeredArguments;
  if (args.length === 0) return [];
  const rows = args.map((arg) => [
    code(arg.required ? `<${arg.name()}>` : `[${arg.name()}]`),
    prose(arg.description),
  ]);
  return [table(['Argument', 'Meaning'], rows)];
}

function optionTable(options) {
  const rows = [...options].map((option) => [
    code(option.flags),
    prose(option.mandatory ? `**Required.** ${option.description}` : option.description),
    option.argChoices === undefined ? '' : option.argChoices.map(code).join(', '),
    defaultText(option),
  ]);
  return table(['Flag', 'Meaning', 'Values', 'Default'], rows);
}

function defaultText({ defaultValue, negate }) {
  return defaultValue === undefined || negate ? '' : code(String(defaultValue));
}

/** What all commands have, by its flags. */
function commonOptions(commands) {
  const [first, ...others] = commands;
  const everywhere = first.options.filter(({ flags, description }) =>
    others.every(({ options }) =>
      options.some((option) => option.flags === flags && option.description === description),
    ),
  );
  // Every command takes a target, but it belongs with the command.
  const shared = everywhere.filter(({ flags }) => !flags.startsWith('--target'));
  return new Map(shared.map((option) => [option.flags, option]));
}

function exitRows() {
  return Object.entries(EXIT).map(([name, number]) => {
    if (EXIT_TEXTS[name] === undefined) throw new Error(`The exit code “${name}” has no text here`);
    return [code(String(number)), EXIT_TEXTS[name]];
  });
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
