import { listApps, readSetting, setSettings, unsetSettings } from './app-commands.ts';
import { bash, choice, guid, isGuid, isResourceId, isUnit, name, part, resourceId, unit, type Word } from './bash.ts';
import { changeWorkload, inNamespace, listVariables, restart, workload } from './commands.ts';
import type { Evidence } from './evidence.ts';
import { isApp, isPod } from './place.ts';
import { clientIdOf } from './words.ts';

/**
 * The commands that change the variables of this process and start it anew, whatever has them: the pod template, the settings of an
 * app, or the systemd service of a machine. Elsewhere only whoever started the process can, and there is no command. The names of
 * the variables are ours.
 */

type WithFacts = Pick<Evidence, 'facts'>;

/** Whether the process belongs to a service of systemd, whose machine is then the place for these commands. */
export function hasUnit({ facts }: WithFacts): boolean {
  return isUnit(facts.unit);
}

const unitOf = ({ facts }: WithFacts): Word => unit(facts.unit, 'UNIT');

/** The start of a line: goes on only where this service is, because another machine would take the change, too. */
export function onItsMachine(e: WithFacts): Word {
  return part`systemctl cat ${unitOf(e)} > /dev/null`;
}

/** Sets variables. `lookUp` is the part of a line that finds their values, and ends with `&&`. */
export function setVariables(e: WithFacts, values: Readonly<Record<string, Word>>, lookUp: Word = part``): string[] {
  const settings = Object.entries(values).map(([variable, value]): [Word, Word] => [choice(variable), value]);
  const words = joined(settings.map(([variable, value]) => part` ${variable}=${value}`));
  if (isPod(e)) return changeWorkload(e, bash`${lookUp}kubectl set env ${workload(e)} ${inNamespace(e)}${words}`);
  if (isApp(e)) return [...listApps(e), setSettings(e, words, lookUp)];
  if (!hasUnit(e)) return [];
  const writes = settings.map(([variable, value]) => writeValue(e, variable, value));
  return [bash`${onItsMachine(e)} && ${lookUp}${inTurn(writes)}`, restartUnit(e)];
}

/** Makes variables count as unset, also where they come from a Secret, a ConfigMap or an environment file. */
export function dropVariables(e: WithFacts, ...variables: string[]): string[] {
  // In a pod, an empty value counts as unset.
  if (isPod(e)) return setVariables(e, Object.fromEntries(variables.map((variable) => [variable, part``])));
  const names = joined(variables.map((variable) => part` ${choice(variable)}`));
  if (isApp(e)) return [...listApps(e), unsetSettings(e, names)];
  if (!hasUnit(e)) return [];
  const writes = variables.map((variable) =>
    writeDropIn(e, choice(variable), part`UnsetEnvironment=${choice(variable)}`),
  );
  return [bash`${onItsMachine(e)} && ${inTurn(writes)}`, restartUnit(e)];
}

/** Sets AZURE_CLIENT_ID to the client id of a managed identity that its reader chooses. */
export function chooseClientId(e: WithFacts): string[] {
  return setVariables(e, { AZURE_CLIENT_ID: part`\${CLIENT_ID:?}` });
}

/** The same; where AZURE_CLIENT_ID is another id of an identity, such as its object id, that identity is chosen. */
export function correctClientId(e: WithFacts): string[] {
  const id = clientIdOf(e) ?? '';
  if (!isGuid(id) && !isResourceId(id)) return chooseClientId(e);
  // A column of their own: the id of a subscription is in the resource id of each identity, and that may be the beginning of another.
  const [column, line] = isGuid(id)
    ? [choice('principalId'), guid(id, 'CLIENT_ID')]
    : [choice('id'), part`-x '.*[[:space:]]'${resourceId(id, 'IDENTITY_RESOURCE_ID')}`];
  return setVariables(
    e,
    { AZURE_CLIENT_ID: part`\${client:-\${CLIENT_ID:?}}` },
    part`read -r client _ <<< $(az identity list --query '[].[clientId,${column}]' -o tsv | grep -i ${line}) && `,
  );
}

/**
 * Gives the values of variables that nothing here reads to those that were meant. Whoever set them has chosen their names. Neither
 * ids nor secrets have white space in them.
 */
export function renameVariables(e: WithFacts, names: readonly (readonly [set: string, meant: string])[]): string[] {
  const renamed = names.map(([set, meant]) => ({
    set: name(set, 'VARIABLE'),
    meant,
    value: choice(`value_of_${meant}`.toLowerCase()),
  }));
  if (isPod(e)) {
    const scripts = renamed.map(({ set, meant }) => part` -e 's/- name: '${set}'$/- name: ${choice(meant)}/'`);
    return changeWorkload(
      e,
      bash`kubectl get ${workload(e)} ${inNamespace(e)} -o yaml | sed${joined(scripts)} | kubectl replace --validate=false -f -`,
    );
  }
  return setVariables(
    e,
    Object.fromEntries(renamed.map(({ meant, value }) => [meant, part`\${${value}:?}`])),
    joined(renamed.map(({ set, value }) => part`${value}=$(${readVariable(e, set)} | tr -d '[:space:]') && `)),
  );
}

/** Adds a host to what NO_PROXY has already. */
export function addToNoProxy(e: WithFacts, host: Word): string[] {
  return setVariables(
    e,
    { NO_PROXY: part`\${hosts:+$hosts,}${host}` },
    part`hosts=$(${readVariable(e, part`NO_PROXY`, part` --resolve`)} | tr ' ' ,) && `,
  );
}

/** Prints the present value of a variable; in an app after `readApp`, and in a pod, if told so, also of one in a ConfigMap or Secret. */
export function readVariable(e: WithFacts, variable: Word, resolve: Word = part``): Word {
  if (isPod(e)) {
    return part`${listVariables(e)}${resolve} | grep -i ^${variable}= | head -1 | cut -d= -f2-`;
  }
  if (isApp(e)) return readSetting(e, variable);
  return part`sudo cat /proc/$(systemctl show -p MainPID --value ${unitOf(e)})/environ | grep -zi ^${variable}= | head -zn1 | cut -zd= -f2- | tr -d '[:cntrl:]'`;
}

/** Starts this process anew. */
export function restartProcess(e: WithFacts): string[] {
  if (isPod(e)) return restart(e);
  return hasUnit(e) ? [restartUnit(e)] : [];
}

function restartUnit(e: WithFacts): string {
  return bash`sudo systemctl daemon-reload && sudo systemctl restart ${unitOf(e)}`;
}

/**
 * An environment file comes after those of the unit itself, and after what Environment= sets. It knows no specifiers (%), only root
 * may read it, and of what the forms of words let through it changes nothing.
 */
function writeValue(e: WithFacts, variable: Word, value: Word): Word {
  const file = part`${dropIn(e, variable)}.env`;
  return part`sudo install -D -m 600 /dev/stdin ${file} <<< ${variable}=${value} && ${writeDropIn(e, variable, part`EnvironmentFile=${file}`)}`;
}

/** One drop-in for each variable: what sets it replaces what unset it, and the reverse. */
function writeDropIn(e: WithFacts, variable: Word, setting: Word): Word {
  return part`(echo '[Service]'; echo ${setting}) | sudo install -D -m 644 /dev/stdin ${dropIn(e, variable)}.conf`;
}

function dropIn(e: WithFacts, variable: Word): Word {
  // They count in the order of their names; those of people are often called override.conf.
  return part`/etc/systemd/system/${unitOf(e)}.d/zz-${variable}`;
}

function inTurn(steps: readonly Word[]): Word {
  return steps.reduce((before, step) => part`${before} && ${step}`);
}

function joined(words: readonly Word[]): Word {
  return words.reduce((before, word) => part`${before}${word}`, part``);
}
