import type { ReactNode } from 'react'

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  )
}

export const Logo = () => (
  <svg className="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect className="logo-plate" width="32" height="32" rx="9" />
    <path className="logo-shade" d="M11 7h10l4 9H7z" />
    <path className="logo-foot" d="M16 16v7m-5 2h10" />
  </svg>
)
const slash = <path d="M4 4l16 16" />
const microphone = <path d="M12 3.5a3 3 0 0 1 3 3V11a3 3 0 0 1-6 0V6.5a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21" />
const camera = <path d="M4.5 6.5h9a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zM15.5 10.5l6-3v9l-6-3" />
export const MicrophoneIcon = ({ off = false }: { off?: boolean }) => <Icon>{microphone}{off && slash}</Icon>
export const CameraIcon = ({ off = false }: { off?: boolean }) => <Icon>{camera}{off && slash}</Icon>
export const ScreenIcon = () => (
  <Icon><path d="M4 4.5h16a1.5 1.5 0 0 1 1.5 1.5v9.5A1.5 1.5 0 0 1 20 17H4a1.5 1.5 0 0 1-1.5-1.5V6A1.5 1.5 0 0 1 4 4.5zM8.5 20.5h7M12 13.5v-6m-2.5 2.5L12 7.5l2.5 2.5" /></Icon>
)
export const FileIcon = () => (
  <Icon><path d="M13.5 3H7a1.5 1.5 0 0 0-1.5 1.5v15A1.5 1.5 0 0 0 7 21h10a1.5 1.5 0 0 0 1.5-1.5V8zM13.5 3v5h5M9 13h6M9 16.5h6" /></Icon>
)
export const LeaveIcon = () => (
  <Icon><path d="M3 14.5c0-3.5 4-6 9-6s9 2.5 9 6c0 1-.6 1.800-1.600 1.700l-2.700-.4c-.8-.1-1.400-.8-1.400-1.600v-1.5a12 12 0 0 0-6.600 0v1.5c0 .8-.6 1.5-1.400 1.600l-2.700.4c-1 .1-1.600-.7-1.600-1.700z" /></Icon>
)
export const CloseIcon = () => <Icon><path d="M6 6l12 12M18 6L6 18" /></Icon>
export const SaveIcon = () => <Icon><path d="M12 4v11m-4.5-4.5L12 15l4.5-4.5M4.5 19.5h15" /></Icon>
export const SendIcon = () => <Icon><path d="M12 20V6m-5 5l5-5 5 5M4.5 3.5h15" /></Icon>
export const SoundIcon = () => <Icon><path d="M4 9.5v5h3.5L12 19V5L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11" /></Icon>
export const PersonIcon = () => <Icon><path d="M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4.5 20.5c0-4 3.5-6 7.5-6s7.5 2 7.5 6" /></Icon>
export const HelpIcon = () => <Icon><path d="M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM9.500 9.500a2.500 2.500 0 1 1 3.600 2.200c-.8.4-1.100.9-1.100 1.800M12 16.800v.2" /></Icon>
export const InfoIcon = () => <Icon><path d="M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM12 11v6M12 7.300v.2" /></Icon>
export const AlertIcon = () => <Icon><path d="M12 3.500l9.500 16.500h-19zM12 10v5M12 17.300v.2" /></Icon>
export const CheckIcon = () => <Icon><path d="M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM8 12.300l2.800 2.800 5.200-5.700" /></Icon>
export const TurnIcon = () => <Icon><path d="M20 11.500a8 8 0 0 0-14-4.800L3.500 9M3.500 4v5h5M4 12.500a8 8 0 0 0 14 4.800l2.500-2.300M20.500 20v-5h-5" /></Icon>
export const PhoneIcon = () => <Icon><path d="M6 3.500h3l1.700 4.500-2.200 1.500a12 12 0 0 0 6 6l1.500-2.200 4.500 1.700v3a2 2 0 0 1-2.200 2A16.500 16.500 0 0 1 4 5.700a2 2 0 0 1 2-2.200z" /></Icon>
export const CalendarIcon = () => <Icon><path d="M4.500 5.500h15a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1h-15a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1zM3.500 10h17M8 3v4M16 3v4" /></Icon>
export const CopyIcon = () => <Icon><path d="M9 8.500h10.500v12H9zM15 8.500v-5H4.500v12H9" /></Icon>
export const ArrowIcon = () => <Icon><path d="M4 12h15m-6-6.500l6.500 6.500-6.500 6.500" /></Icon>
export const RetryIcon = () => <Icon><path d="M20 12a8 8 0 1 1-2.500-5.800L20 8.500M20 3.500v5h-5" /></Icon>
