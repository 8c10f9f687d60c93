import type { Ran } from './output.ts';
import type { Host, Unit, World } from './world.ts';

/** The part of systemd, sudo and coreutils that the printed commands use on a machine. */

const done = (stdout = ''): Ran => ({ code: 0, stdout, stderr: '' });
const failed = (code: number, message: string): Ran => ({ code, stdout: '', stderr: `${message}\n` });

/** What of it needs no root. */
export function systemctl({ host: { unit } }: World, words: string[]): Ran {
  const name = words.at(-1);
  if (!unit || name !== unit.name) return failed(1, `No files found for ${name}.`);
  switch (words.slice(0, -1).join(' ')) {
    case 'cat':
      return done(`# /etc/systemd/system/${unit.name}\n`);
    case 'show -p MainPID --value':
      return done('4711\n');
    default:
      return failed(1, `Unknown command verb '${words[0]}'.`);
  }
}

export function sudo(world: World, [program, ...words]: string[], stdin: string): Ran {
  const { host } = world;
  const { unit } = host;
  if (!unit) return failed(1, 'sudo: this is no machine with a service');
  const command = [program, ...words].join(' ');
  const [, file] = /^install -D -m (?:600|644) \/dev\/stdin (\/\S+)$/.exec(command) ?? [];
  if (file !== undefined) {
    unit.files[file] = stdin;
    return done();
  }
  switch (command) {
    case 'systemctl daemon-reload':
      unit.loaded = Object.keys(unit.files)
        .filter((path) => path.startsWith(`/etc/systemd/system/${unit.name}.d/`) && path.endsWith('.conf'))
        .sort()
        .map((path) => unit.files[path] ?? '');
      return done();
    case `systemctl restart ${unit.name}`:
      return start(host, unit);
    case 'cat /proc/4711/environ':
      return done(
        Object.entries(host.settings)
          .map(([name, value]) => `${name}=${value}\0`)
          .join(''),
      );
    default:
      return failed(1, `sudo: ${program}: command not found`);
  }
}

/** What the unit itself sets comes from an environment file, which Environment= does not override. */
function start(host: Host, unit: Unit): Ran {
  const settings = { ...host.settings };
  const lines = unit.loaded.flatMap(serviceLines);
  for (const path of valuesOf(lines, 'EnvironmentFile')) {
    const text = unit.files[path];
    if (text === undefined) return failed(1, `Job for ${unit.name} failed because of unavailable resources.`);
    for (const line of text.split('\n')) {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) settings[name] = value.trim();
    }
  }
  for (const name of valuesOf(lines, 'UnsetEnvironment')) delete settings[name];
  host.settings = settings;
  host.restarts += 1;
  return done();
}

/** The lines of the section that is about the process. */
function serviceLines(dropIn: string): string[] {
  const [first, ...lines] = dropIn.trim().split('\n');
  return first === '[Service]' ? lines : [];
}

function valuesOf(lines: string[], key: string): string[] {
  return lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
}
