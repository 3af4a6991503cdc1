// The icons of the pages, drawn here so that a page loads nothing from another host.

const paths = {
  mark: 'M6 15l6-7 6 7',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  lock: 'M7 11V8a5 5 0 0110 0v3M6 11h12v9H6z',
  bolt: 'M13 3L5 14h6l-1 7 8-11h-6z',
  sun: 'M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M19 5l-1.5 1.5M6.5 17.5L5 19',
  moon: 'M20 14.5A8.5 8.5 0 019.5 4 8.5 8.5 0 1020 14.5z',
  tab: 'M4 6h16v13H4zM4 10h16M9 6v4',
  out: 'M14 5h5v14h-5M10 8l-4 4 4 4M6 12h9',
  storm: 'M7 15a4 4 0 01.5-8A5.5 5.5 0 0118 8.5a3.3 3.3 0 01-.5 6.5M12 12l-2.5 4.500h4L11 21',
  card: 'M3 7h18v11H3zM3 11h18M6.500 15h4',
  back: 'M19 12H5M11 6l-6 6 6 6',
  chart: 'M4 19h16M7 15l4-5 3 3 5-7',
  envelope: 'M3 6h18v13H3zM3 7l9 7 9-7',
  search: 'M11 4a7 7 0 100 14 7 7 0 000-14zM16 16l5 5',
  book: 'M5 4h13v16H7a2 2 0 01-2-2zM5 18a2 2 0 012-2h11M9 8h5',
  keys: 'M3 7h18v10H3zM7 11h0M11 11h0M15 11h0M8 14h8',
  redrive: 'M4 12a8 8 0 0113.500-5.800L20 9M20 4v5h-5M20 12a8 8 0 01-13.500 5.800L4 15M4 20v-5h5',
  bin: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  note: 'M5 4h14v11l-5 5H5zM14 20v-5h5M8.500 9h7M8.500 13h4',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 5l12 7-12 7z',
  user: 'M12 4a4 4 0 100 8 4 4 0 000-8zM4.500 20a7.500 7.500 0 0115 0',
  alert: 'M12 4l9 16H3zM12 10v4M12 17h0',
} as const;

export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
