// A small chart: the last half hour as an area, with its number in text for those who do not see it.

import { useId } from 'react';

const WIDTH = 240;
const HEIGHT = 56;

interface Props {
  name: string;
  value: string;
  hint: string;
  values: (number | null)[];
  tone?: 'good' | 'bad';
}

/** The line through the values, from left to right; a gap counts as nothing. */
function points(values: (number | null)[], most: number): string {
  const step = WIDTH / Math.max(1, values.length - 1);
  const at = (value: number | null, index: number): string => {
    const y = HEIGHT - 3 - ((value ?? 0) / most) * (HEIGHT - 8);
    return `${(index * step).toFixed(1)},${y.toFixed(1)}`;
  };
  return values.map(at).join(' ');
}

export function Chart({ name, value, hint, values, tone }: Props) {
  const gradient = useId();
  const most = Math.max(1e-9, ...values.map((it) => it ?? 0));
  const line = values.length > 1 ? points(values, most) : `0,${HEIGHT - 3} ${WIDTH},${HEIGHT - 3}`;
  return (
    <section className={`card tile ${tone ?? ''}`} aria-label={name}>
      <h2>{name}</h2>
      <p className="tile-value">{value}</p>
      <p className="tile-hint">{hint}</p>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <defs>
          <linearGradient id={gradient} x1="0" y1="0" x2="0" y2="1">
            <stop offset="0" stopColor="currentColor" stopOpacity="0.28" />
            <stop offset="1" stopColor="currentColor" stopOpacity="0" />
          </linearGradient>
        </defs>
        <polygon points={`0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} fill={`url(#${gradient})`} />
        <polyline points={line} />
      </svg>
    </section>
  );
}
