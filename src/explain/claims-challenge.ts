/**
 * The claims that Resource Manager demands of a new token, when it no longer accepts the present one: in base64, as
 * `az login --claims-challenge` takes them, with the scope, and the address that Resource Manager saw if a location policy is the
 * reason. Only the command that the SDK prints has them whole.
 */
export function claimsIn(text: string) {
  const challenge = /-{1,2}claims-?challenge[ =]['"]?([\w+/-]{8,2000}={0,2})/i.exec(text)?.[1];
  if (challenge === undefined) return undefined;
  const claims = Buffer.from(challenge, 'base64').toString();
  const scope = /--scope[ =]['"]?(https?:\/\/[\w./-]{1,200})/.exec(text)?.[1];
  const address = /"xms_rp_ipaddr"[^}]{0,100}?"value"\s{0,3}:\s{0,3}"([\da-f.:]{3,45})"/i.exec(claims)?.[1];
  return { challenge, scope, address };
}
