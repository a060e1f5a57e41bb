module sample-server

go 1.21
