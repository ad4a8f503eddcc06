import { Icon } from './icons'

/** Signs of the pages for desks, apart so that no telephone loads them. */
export const PlusIcon = () => <Icon><path d="M12 5v14M5 12h14" /></Icon>
export const MinusIcon = () => <Icon><path d="M5 12h14" /></Icon>
export const DownIcon = () => <Icon><path d="M5.500 9l6.500 6.500L18.500 9" /></Icon>
export const UndoIcon = () => <Icon><path d="M4 9.500h10.500a5 5 0 0 1 0 10H9M8.500 5L4 9.500 8.500 14" /></Icon>
export const PauseIcon = () => <Icon><path d="M8.500 5v14M15.500 5v14" /></Icon>
export const SearchIcon = () => <Icon><path d="M10.500 4a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13zM15.300 15.300L20.500 20.500" /></Icon>
export const PenIcon = () => <Icon><path d="M4 20l1-4.500L16.500 4a2 2 0 0 1 2.800 0l.7.700a2 2 0 0 1 0 2.800L8.500 19zM14 6.500l3.500 3.500" /></Icon>
export const TrashIcon = () => <Icon><path d="M4.500 6.500h15M9 6.500V4h6v2.500M6.500 6.500l1 14h9l1-14M10 10.500v6M14 10.500v6" /></Icon>
export const ClockIcon = () => <Icon><path d="M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM12 7.500V12l3.500 2" /></Icon>
export const LinkIcon = () => <Icon><path d="M10 14a4 4 0 0 0 5.700 0l3.600-3.600a4 4 0 0 0-5.700-5.700l-1.300 1.300M14 10a4 4 0 0 0-5.700 0l-3.600 3.600a4 4 0 0 0 5.700 5.700l1.300-1.300" /></Icon>
export const KeyIcon = () => <Icon><path d="M8 11.500a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM11 12.700L19.500 4M16 7.500l3 3" /></Icon>
export const ShieldIcon = () => <Icon><path d="M12 3l7.500 2.500V11c0 5-3 8.300-7.500 10-4.500-1.700-7.500-5-7.500-10V5.500zM8.500 12l2.500 2.500 4.500-5" /></Icon>
export const PulseIcon = () => <Icon><path d="M2.500 12.500H7l3-8 4.500 15 2.500-7h4.500" /></Icon>
export const LogInIcon = () => <Icon><path d="M3.500 12h11m-4.500-4.500L14.500 12 10 16.500M13 4h5.500a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H13" /></Icon>
export const LogOutIcon = () => <Icon><path d="M9.500 12h11M16 7.500l4.500 4.500-4.500 4.500M11 4H5.500a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1H11" /></Icon>
