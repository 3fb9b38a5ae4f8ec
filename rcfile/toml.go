package rcfile

func (b *builder) parseTOML(name, text string) {}
