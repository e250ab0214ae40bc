/** `npm run generate`: writes the pages of docs/ that are made from the source. */
import { writeFileSync } from 'node:fs';
import { referencePages } from 'mintmark';

for (const [name, text] of Object.entries(referencePages())) {
  writeFileSync(new URL(`../docs/${name}`, import.meta.url), text);
  console.log(`wrote docs/${name}`);
}
