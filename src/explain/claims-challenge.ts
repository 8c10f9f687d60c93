/** The claims that Resource Manager demands of a new token, when it no longer accepts the present one. */
export interface ClaimsChallenge {
  /** Base64, as `az login --claims-challenge` takes it. */
  challenge: string;
  scope?: string;
  /** The address that Resource Manager saw, if a location policy is the reason. */
  address?: string;
}

/** Reads the challenge from the command that the SDK prints, which is the only place that has it whole. */
export function claimsIn(text: string): ClaimsChallenge | undefined {
  const challenge = /-{1,2}claims-?challenge[ =]['"]?([\w+/-]{8,2000}={0,2})/i.exec(text)?.[1];
  if (challenge === undefined) return undefined;
  const claims = Buffer.from(challenge, 'base64').toString();
  const scope = /--scope[ =]['"]?(https?:\/\/[\w./-]{1,200})/.exec(text)?.[1];
  const address = /"xms_rp_ipaddr"[^}]{0,100}?"value"\s{0,3}:\s{0,3}"([\da-f.:]{3,45})"/i.exec(claims)?.[1];
  return {
    challenge,
    ...(scope !== undefined && { scope }),
    ...(address !== undefined && { address }),
  };
}
