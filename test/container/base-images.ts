/** The images that a Dockerfile starts from. */
export function baseImages(dockerfile: string): string[] {
  return [...new Set([...dockerfile.matchAll(/^FROM (?:--\S+ )?(\S+)/gm)].map(([, image = '']) => image))];
}
