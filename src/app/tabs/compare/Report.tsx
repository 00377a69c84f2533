import { openingBlocks, partBlocks, type ReportBlock, type StudyReport } from '../../../run/results/study-report.ts';
import { usePage } from '../../state/page-context.tsx';
import { Section } from '../../ui/blocks.tsx';

/** The report of a study, like its Markdown but without the matrices: read-only, and not stored. */
export function Report({ of }: { of: StudyReport }) {
  const { compare } = usePage();
  const blocks = [...openingBlocks(of), ...of.parts.flatMap((part) => partBlocks(part, of.claim?.part ?? ''))];
  return (
    <Section
      title={of.title}
      note="The report of a study, from its file: in percent, with 95 % intervals over seeds."
      tools={
        <button type="button" onClick={compare.closeReport}>
          Close the report
        </button>
      }
      testId="study-report"
    >
      {blocks.map((block, i) => (
        <Block key={i} block={block} label={`Table ${i + 1} of the report`} />
      ))}
    </Section>
  );
}

/** Without the marks of Markdown. */
const plain = (text: string): string => text.replaceAll(/`|\*\*/g, '');

function Block({ block, label }: { block: ReportBlock; label: string }) {
  if ('heading' in block) return <h3 className="spaced">{block.heading}</h3>;
  if ('text' in block) return <p className="spaced">{plain(block.text)}</p>;
  const { head, rows } = block;
  return (
    <div className="scroll spaced" tabIndex={0} role="region" aria-label={label}>
      <table className="table numbers">
        <caption className="hidden-visually">{label}</caption>
        <thead>
          <tr>
            {head.map((cell, i) => (
              <th key={i} scope="col">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells], i) => (
            <tr key={i}>
              <th scope="row">{name}</th>
              {cells.map((cell, j) => (
                <td key={j}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
